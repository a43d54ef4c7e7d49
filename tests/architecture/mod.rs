//! Holds the source to the architecture: which layer may import which, which crates belong to
//! which layer, and no import cycles between files.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Import, SourceTree};

/// Layers from top to bottom. A module imports from layers below its own only.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["web", "worker"],
    &["subscription", "digest", "delivery", "reports", "doctor"],
    &["store", "mail", "feeds", "config"],
    &["domain"],
];

/// Settings are read at the top and passed down in small structs.
const CONFIG_IMPORTERS: &[&str] = &["main", "cli", "app"];

/// Crates that only these folders or files may use.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["src/store/"]),
    ("sqlx_core", &["src/store/"]),
    ("axum", &["src/web/", "src/app/", "src/cli/demo/"]),
    ("lettre", &["src/mail/", "src/domain/email_address.rs"]),
    ("reqwest", &["src/feeds/"]),
    ("mail_auth", &["src/mail/"]),
    ("aws_lc_rs", &["src/mail/"]),
    ("argon2", &["src/web/"]),
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Returns `store` for `src/store/db/batch.rs`, and `None` for `src/lib.rs`.
fn top_module(file: &str) -> Option<&str> {
    let first = file.strip_prefix("src/")?.split('/').next()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then_some(module)
}

fn may_import(module: &str, other: &str) -> bool {
    if module == other {
        return true;
    }
    if other == "config" {
        return CONFIG_IMPORTERS.contains(&module);
    }
    match (layer_of(module), layer_of(other)) {
        (Some(own), Some(its)) => own < its,
        _ => false,
    }
}

/// Returns the violations in one file, each as `file:line: reason`.
fn layer_violations(file: &str, imports: &[Import]) -> Vec<String> {
    let Some(module) = top_module(file) else {
        return Vec::new();
    };
    if layer_of(module).is_none() {
        return vec![format!(
            "{file}: `{module}` is not in LAYERS of tests/architecture/mod.rs"
        )];
    }
    let mut violations = Vec::new();
    for Import { line, path, .. } in imports {
        if path[0] == "crate" {
            let Some(other) = path.get(1) else { continue };
            if layer_of(other).is_some() && !may_import(module, other) {
                violations.push(format!(
                    "{file}:{line}: `{module}` must not import `{other}`"
                ));
            }
        } else if let Some((_, homes)) = CRATES.iter().find(|(name, _)| *name == path[0])
            && !homes.iter().any(|home| file.starts_with(home))
        {
            let homes = homes.join(", ");
            violations.push(format!("{file}:{line}: `{}` belongs in {homes}", path[0]));
        }
    }
    violations.dedup();
    violations
}

/// Returns every group of files that import each other directly or through others.
fn cycles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reachable = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(file) = open.pop() {
            for next in edges.get(&file).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        edges.keys().map(|file| (file, reachable(file))).collect();
    let mut grouped = BTreeSet::new();
    let mut found = Vec::new();
    for (file, targets) in &reach {
        if !targets.contains(*file) || grouped.contains(*file) {
            continue;
        }
        let group: Vec<String> = targets
            .iter()
            .filter(|other| reach.get(other).is_some_and(|back| back.contains(*file)))
            .cloned()
            .collect();
        grouped.extend(group.iter().cloned());
        found.push(group);
    }
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable source folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Reads the Rust files below `folder` as pairs of path and text.
fn read_sources(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join(folder), &mut files);
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable source file");
            let file = path.strip_prefix(root).expect("a file of this package");
            (file.to_string_lossy().into_owned(), text)
        })
        .collect()
}

#[test]
fn imports_point_to_lower_layers_and_own_crates() {
    let tree = SourceTree::parse(&read_sources("src"));

    let violations: Vec<String> = tree
        .files()
        .flat_map(|(file, imports)| layer_violations(file, imports))
        .collect();

    assert!(tree.files().any(|(file, _)| file == "src/main.rs"));
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn imports_between_files_form_no_cycle() {
    let tree = SourceTree::parse(&read_sources("src"));

    let groups: Vec<String> = cycles(&tree.edges())
        .into_iter()
        .map(|group| tree.describe_cycle(&group))
        .collect();

    assert!(groups.is_empty(), "\n{}\n", groups.join("\n\n"));
}

mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(file, text): &(&str, &str)| ((*file).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    }

    fn violations(file: &str, text: &str) -> Vec<String> {
        let tree = SourceTree::parse(&sources(&[(file, text)]));
        let (file, imports) = tree.files().next().expect("one file");
        layer_violations(file, imports)
    }

    #[test]
    fn may_import_allows_lower_layers_only() {
        for (module, other, allowed) in [
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
            assert_eq!(may_import(module, other), allowed, "{module} → {other}");
        }
    }

    #[test]
    fn violation_names_file_line_and_both_modules() {
        let text = "use std::fs;\n\nuse crate::{domain::Slot, web::{self, Page}};\n";

        assert_eq!(
            violations("src/delivery/send.rs", text),
            ["src/delivery/send.rs:3: `delivery` must not import `web`"]
        );
        assert_eq!(
            violations("src/app/mod.rs", "use crate::cli::Options;").len(),
            1
        );
        assert!(violations("src/main.rs", "fn main() { crate::cli::run() }").is_empty());
        assert!(violations("src/utils/mod.rs", "")[0].contains("`utils` is not in LAYERS"));
    }

    #[test]
    fn restricted_crate_outside_its_folder_is_reported() {
        let derive = "#[derive(sqlx::FromRow)]\nstruct Row;\n";
        let lettre = "use lettre::Address;\n";

        assert_eq!(
            violations("src/web/admin.rs", derive),
            ["src/web/admin.rs:1: `sqlx` belongs in src/store/"]
        );
        assert!(violations("src/store/rows.rs", derive).is_empty());
        assert!(violations("src/domain/email_address.rs", lettre).is_empty());
        assert_eq!(violations("src/domain/post.rs", lettre).len(), 1);
        assert_eq!(
            violations(
                "src/web/a.rs",
                "fn f() { tracing::info!(\"{}\", sqlx::x()) }"
            )
            .len(),
            1
        );
    }

    #[test]
    fn test_modules_are_not_checked() {
        let text = "#[cfg(test)]\nmod tests { use crate::web::Page; }";

        assert!(violations("src/store/a.rs", text).is_empty());
    }

    #[test]
    fn cycle_through_a_reexport_is_found() {
        let tree = SourceTree::parse(&sources(&[
            ("src/lib.rs", "pub mod store;"),
            ("src/store/mod.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("src/store/a.rs", "use crate::store::b::B; pub struct A;"),
            ("src/store/b.rs", "use crate::store::A; pub struct B;"),
            ("src/store/c.rs", "use crate::store::A; pub struct C;"),
        ]));

        assert_eq!(
            cycles(&tree.edges()),
            [["src/store/a.rs".to_owned(), "src/store/b.rs".to_owned()]]
        );
    }

    #[test]
    fn reexport_in_mod_file_makes_no_cycle() {
        let tree = SourceTree::parse(&sources(&[
            ("src/lib.rs", "pub mod store;"),
            (
                "src/store/mod.rs",
                "mod a; pub use a::A; pub struct Shared;",
            ),
            ("src/store/a.rs", "use crate::store::Shared; pub struct A;"),
        ]));

        assert_eq!(cycles(&tree.edges()), [] as [Vec<String>; 0]);
    }
}
