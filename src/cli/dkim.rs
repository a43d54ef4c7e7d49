//! `broadsheet dkim`

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::cli::{CliError, Context};
use crate::config::Settings;
use crate::domain::dkim_selector::Selector;
use crate::mail::dkim::{self, GenerateError, KeyError, PrivateKey};

#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// Make the keys to sign mail with, and print what goes into the DNS and the settings
    Generate {
        /// The RSA key's name; the Ed25519 key's gets -ed25519 behind it. To renew keys,
        /// take another one
        #[arg(long, default_value = "broadsheet")]
        selector: String,
        /// The folder for the two files, which only their owner can read
        #[arg(long, value_name = "DIR", default_value = "data")]
        out: PathBuf,
    },
}

/// The most that one string of a TXT record holds (RFC 1035 §3.3.14).
const STRING_MAX: usize = 255;

impl Dkim {
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let Self::Generate { selector, out } = self;
        let domain = domain(&context.settings()?);
        let keys = names(&selector)?.map(|(selector, algorithm)| NewKey {
            file: out.join(format!("dkim-{selector}.pem")),
            selector,
            algorithm,
        });
        let records = make(&keys, &out)?;
        let toml = toml(domain.as_deref(), &keys);
        let lines: Vec<Value> = keys
            .iter()
            .zip(&records)
            .map(|(key, value)| key.json(domain.as_deref(), value))
            .collect();
        let result = json!({ "domain": domain, "keys": lines, "toml": toml });
        context.output.line(&result, || {
            let records: Vec<String> = keys
                .iter()
                .zip(&records)
                .map(|(key, value)| key.record(domain.as_deref(), value))
                .collect();
            format!(
                "Made {} and {}.\n\nInto the DNS:\n\n{}\n\nInto broadsheet.toml, once the DNS has them:\n\n{toml}",
                keys[0].file.display(),
                keys[1].file.display(),
                records.join("\n\n"),
            )
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rsa,
    Ed25519,
}

#[derive(Debug)]
struct NewKey {
    selector: Selector,
    algorithm: Algorithm,
    file: PathBuf,
}

impl NewKey {
    fn pem(&self) -> Result<SecretString, GenerateError> {
        match self.algorithm {
            Algorithm::Rsa => dkim::rsa_pem(),
            Algorithm::Ed25519 => dkim::ed25519_pem(),
        }
    }

    /// Within the domain's zone while the domain is not known.
    fn name(&self, domain: Option<&str>) -> String {
        match domain {
            Some(domain) => format!("{}._domainkey.{domain}", self.selector),
            None => format!("{}._domainkey", self.selector),
        }
    }

    fn json(&self, domain: Option<&str>, value: &str) -> Value {
        json!({
            "selector": self.selector.as_str(),
            "algorithm": match self.algorithm {
                Algorithm::Rsa => "rsa-2048",
                Algorithm::Ed25519 => "ed25519",
            },
            "file": self.file,
            "name": self.name(domain),
            "type": "TXT",
            "value": value,
            "strings": strings(value),
        })
    }

    /// As a zone file has it (RFC 1035 §5).
    fn record(&self, domain: Option<&str>, value: &str) -> String {
        let dot = if domain.is_some() { "." } else { "" };
        let strings: Vec<String> = strings(value)
            .iter()
            .map(|text| format!("  \"{text}\""))
            .collect();
        format!(
            "{}{dot} IN TXT (\n{}\n)",
            self.name(domain),
            strings.join("\n")
        )
    }
}

/// The domain that mail is signed for, as far as the settings tell.
fn domain(settings: &Settings) -> Option<String> {
    let of_from = |from: &crate::domain::mailbox::Mailbox| from.domain().to_owned();
    match &settings.dkim {
        Some(dkim) => Some(dkim.domain.clone()),
        None => settings.newsletter.from.as_ref().map(of_from),
    }
}

fn names(selector: &str) -> Result<[(Selector, Algorithm); 2], CliError> {
    let parse = |text: &str| {
        Selector::parse(text).map_err(|error| CliError::Usage(format!("--selector: {error}")))
    };
    Ok([
        (parse(selector)?, Algorithm::Rsa),
        (parse(&format!("{selector}-ed25519"))?, Algorithm::Ed25519),
    ])
}

/// Writes both files or none, and gives the values of their records.
fn make(keys: &[NewKey], out: &Path) -> Result<Vec<String>, CliError> {
    if let Some(key) = keys.iter().find(|key| key.file.exists()) {
        return Err(exists(&key.file));
    }
    let mut pems = Vec::new();
    for key in keys {
        pems.push(key.pem()?);
    }
    fs::create_dir_all(out).map_err(|error| cannot_write(out, &error))?;
    for (index, (key, pem)) in keys.iter().zip(&pems).enumerate() {
        if let Err(error) = dkim::create(&key.file, pem.expose_secret()) {
            for made in &keys[..index] {
                let _ = fs::remove_file(&made.file);
            }
            return Err(cannot_write(&key.file, &error));
        }
    }
    let record = |pem: &SecretString| -> Result<String, KeyError> {
        Ok(PrivateKey::from_pem(pem.expose_secret().as_bytes())?.dns_record())
    };
    Ok(pems.iter().map(record).collect::<Result<_, _>>()?)
}

fn cannot_write(file: &Path, error: &std::io::Error) -> CliError {
    if error.kind() == ErrorKind::AlreadyExists {
        return exists(file);
    }
    CliError::Failed(format!("{} cannot be written: {error}", file.display()))
}

fn exists(file: &Path) -> CliError {
    CliError::Failed(format!(
        "{} exists, and a key is never overwritten; take another --selector or --out",
        file.display()
    ))
}

fn strings(value: &str) -> Vec<&str> {
    let ends = (0..value.len()).step_by(STRING_MAX);
    // A record is ASCII, so any byte may be cut at.
    ends.filter_map(|from| value.get(from..value.len().min(from + STRING_MAX)))
        .collect()
}

/// The lines for the settings file.
fn toml(domain: Option<&str>, keys: &[NewKey]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|key| {
            // JSON's strings are TOML's.
            let (selector, file) = (json!(key.selector.as_str()), json!(key.file));
            format!("  {{ selector = {selector}, file = {file} }},\n")
        })
        .collect();
    let domain = json!(domain.unwrap_or("example.com"));
    format!("[dkim]\ndomain = {domain}\nkeys = [\n{}]", keys.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_records_fall_into_strings() {
        let value = "x".repeat(STRING_MAX + 1);
        assert_eq!(
            strings(&value).iter().map(|s| s.len()).collect::<Vec<_>>(),
            [255, 1]
        );
        assert_eq!(strings("short"), ["short"]);
        let key = NewKey {
            selector: Selector::parse("s").unwrap(),
            algorithm: Algorithm::Rsa,
            file: "a\"b.pem".into(),
        };
        assert_eq!(
            key.record(Some("example.com"), "v=DKIM1"),
            "s._domainkey.example.com. IN TXT (\n  \"v=DKIM1\"\n)"
        );
        assert!(
            key.record(None, "v=DKIM1")
                .starts_with("s._domainkey IN TXT")
        );
        assert_eq!(
            toml(None, &[key]),
            "[dkim]\ndomain = \"example.com\"\nkeys = [\n  { selector = \"s\", file = \"a\\\"b.pem\" },\n]"
        );
    }

    #[test]
    fn both_files_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let key = |algorithm, name: &str| NewKey {
            selector: Selector::parse("s").unwrap(),
            algorithm,
            file: dir.path().join(name),
        };
        // A folder that is not there: the second file cannot be made.
        let keys = [
            key(Algorithm::Ed25519, "a.pem"),
            key(Algorithm::Ed25519, "none/b.pem"),
        ];
        assert!(make(&keys, dir.path()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let keys = [
            key(Algorithm::Ed25519, "a.pem"),
            key(Algorithm::Ed25519, "b.pem"),
        ];
        assert_eq!(make(&keys, dir.path()).unwrap().len(), 2);
        let before = fs::read(&keys[0].file).unwrap();
        let Err(CliError::Failed(says)) = make(&keys, dir.path()) else {
            panic!("it was overwritten")
        };
        assert!(says.contains("a.pem exists"), "{says}");
        assert_eq!(fs::read(&keys[0].file).unwrap(), before);
    }
}
