//! Holds the plan of the house: which room may know which, and which crate lives where.
//!
//! `main → cli → app → {web, worker} → {subscription, digest, delivery} →
//! {store, mail, feeds} → domain`: a room knows the rooms below it, never one beside it.

mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use paths::{Mention, mentions};

/// From the roof down.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["web", "worker"],
    &["subscription", "digest", "delivery"],
    &["store", "mail", "feeds", "config"],
    &["domain"],
];

/// Settings are read at the top and passed down in small structs.
const MAY_KNOW_CONFIG: &[&str] = &["main", "cli", "app"];

/// Crates that only these rooms (or files) may name.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["src/store/"]),
    ("sqlx_core", &["src/store/"]),
    ("axum", &["src/web/", "src/app/", "src/cli/demo/"]),
    ("lettre", &["src/mail/", "src/domain/email_address.rs"]),
    ("reqwest", &["src/feeds/"]),
    ("toml", &["src/config/"]),
    ("mail_auth", &["src/mail/"]),
    ("aws_lc_rs", &["src/mail/"]),
    ("argon2", &["src/web/"]),
];

/// About 300 is where a file wants to be two; past this it must be.
const LONGEST_FILE: usize = 350;

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// `store` of `src/store/mod.rs` and `src/store.rs`; none for `src/lib.rs`.
fn room_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (room != "lib").then_some(room)
}

fn may_know(room: &str, other: &str) -> bool {
    if room == other {
        return true;
    }
    if other == "config" {
        return MAY_KNOW_CONFIG.contains(&room);
    }
    match (floor_of(room), floor_of(other)) {
        (Some(own), Some(its)) => own < its,
        _ => false,
    }
}

/// What is wrong with one file, a line each.
fn faults_in(file: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let length = source.lines().count();
    if length > LONGEST_FILE {
        faults.push(format!(
            "{file}: {length} lines; past {LONGEST_FILE} it must be two rooms"
        ));
    }
    let Some(room) = room_of(file) else {
        return faults;
    };
    if floor_of(room).is_none() {
        faults.push(format!(
            "{file}: `{room}` has no place in the plan (FLOORS in tests/house/mod.rs)"
        ));
        return faults;
    }
    for Mention { line, name, inside } in mentions(file, source) {
        if inside {
            // A path to an item of the crate's root is no room.
            if floor_of(&name).is_some() && !may_know(room, &name) {
                faults.push(format!("{file}:{line}: `{room}` must not know `{name}`"));
            }
        } else if let Some((_, homes)) = CRATES.iter().find(|(krate, _)| *krate == name)
            && !homes.iter().any(|home| file.starts_with(home))
        {
            let homes = homes.join(", ");
            faults.push(format!("{file}:{line}: `{name}` belongs in {homes}"));
        }
    }
    faults
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_plan_of_the_house_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(files.iter().any(|file| file.ends_with("src/main.rs")));
    let mut faults = Vec::new();
    for path in files {
        let source = fs::read_to_string(&path).expect("a readable source");
        let file = path.strip_prefix(root).expect("a file of this package");
        faults.extend(faults_in(&file.to_string_lossy(), &source));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_point_down_and_never_sideways() {
        for (room, other, allowed) in [
            ("cli", "app", true),
            ("web", "subscription", true),
            ("web", "store", true),
            ("delivery", "mail", true),
            ("store", "domain", true),
            ("main", "config", true),
            ("app", "config", true),
            ("config", "domain", true),
            ("web", "worker", false),
            ("worker", "web", false),
            ("digest", "delivery", false),
            ("store", "mail", false),
            ("store", "delivery", false),
            ("domain", "store", false),
            ("web", "config", false),
            ("mail", "config", false),
            ("config", "store", false),
            ("app", "cli", false),
        ] {
            assert_eq!(may_know(room, other), allowed, "{room} → {other}");
        }
    }

    #[test]
    fn a_fault_names_the_file_the_line_and_both_rooms() {
        let source = "use std::fs;\n\nuse crate::{domain::Slot, web::{self, Page}};\n";
        let faults = faults_in("src/delivery/send.rs", source);
        assert_eq!(
            faults,
            ["src/delivery/send.rs:3: `delivery` must not know `web`"]
        );
    }

    #[test]
    fn a_crate_outside_its_room_is_a_fault_and_inside_none() {
        let source = "#[derive(sqlx::FromRow)]\nstruct Row;\n";
        assert_eq!(
            faults_in("src/web/admin.rs", source),
            ["src/web/admin.rs:1: `sqlx` belongs in src/store/"]
        );
        assert!(faults_in("src/store/rows.rs", source).is_empty());
        let lettre = "use lettre::Address;\n";
        assert!(faults_in("src/domain/email_address.rs", lettre).is_empty());
        assert_eq!(faults_in("src/domain/post.rs", lettre).len(), 1);
    }

    #[test]
    fn a_room_nobody_planned_and_a_file_too_long_are_faults() {
        assert!(faults_in("src/utils/mod.rs", "")[0].contains("`utils` has no place"));
        let long = "\n".repeat(LONGEST_FILE + 1);
        assert!(faults_in("src/lib.rs", &long)[0].contains("351 lines"));
    }

    #[test]
    fn the_front_doors_know_only_what_is_below_them() {
        assert_eq!(room_of("src/lib.rs"), None);
        assert!(faults_in("src/main.rs", "fn main() { broadsheet::cli::run() }").is_empty());
        assert_eq!(faults_in("src/app.rs", "use crate::cli::Options;").len(), 1);
    }
}
