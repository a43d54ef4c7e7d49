//! `broadsheet dkim`

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::config::Settings;
use crate::domain::dkim_selector::Selector;
use crate::mail::dkim::{self, GenerateError, KeyError, PrivateKey};

#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// Create keys that sign mail, and print the DNS records and settings for them
    Generate {
        /// Name of the RSA key; that of the Ed25519 key is SELECTOR-ed25519. To renew keys, use
        /// another name
        #[arg(long, default_value = "broadsheet")]
        selector: String,
        /// Directory for the two files, which only their owner can read
        #[arg(long, value_name = "DIR", default_value = "data")]
        out: PathBuf,
    },
}

/// Maximum length in bytes of one string in a TXT record (RFC 1035 §3.3).
const MAX_STRING_LENGTH: usize = 255;

impl Dkim {
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let Self::Generate { selector, out } = self;
        let domain = signing_domain(&context.settings()?);
        let keys = key_names(&selector)?.map(|(selector, algorithm)| NewKey {
            file: out.join(format!("dkim-{selector}.pem")),
            selector,
            algorithm,
        });
        let records = create_keys(&keys, &out)?;
        let toml = settings_toml(domain.as_deref(), &keys);
        let keys_json: Vec<Value> = keys
            .iter()
            .zip(&records)
            .map(|(key, value)| key.to_json(domain.as_deref(), value))
            .collect();
        let result = json!({ "domain": domain, "keys": keys_json, "toml": toml });
        context.output.print_result(&result, || {
            let records: Vec<String> = keys
                .iter()
                .zip(&records)
                .map(|(key, value)| key.dns_record(domain.as_deref(), value))
                .collect();
            format!(
                "Created {} and {}.\n\nAdd these DNS records:\n\n{}\n\nThen, when the DNS has them, add to broadsheet.toml:\n\n{toml}",
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
    fn generate_pem(&self) -> Result<SecretString, GenerateError> {
        match self.algorithm {
            Algorithm::Rsa => dkim::rsa_pem(),
            Algorithm::Ed25519 => dkim::ed25519_pem(),
        }
    }

    /// Returns the name of the DNS record, relative to the zone if the domain is unknown.
    fn record_name(&self, domain: Option<&str>) -> String {
        match domain {
            Some(domain) => format!("{}._domainkey.{domain}", self.selector),
            None => format!("{}._domainkey", self.selector),
        }
    }

    fn to_json(&self, domain: Option<&str>, value: &str) -> Value {
        json!({
            "selector": self.selector.as_str(),
            "algorithm": match self.algorithm {
                Algorithm::Rsa => "rsa-2048",
                Algorithm::Ed25519 => "ed25519",
            },
            "file": self.file,
            "name": self.record_name(domain),
            "type": "TXT",
            "value": value,
            "strings": split_record(value),
        })
    }

    /// Returns the record in the format of a zone file (RFC 1035 §5).
    fn dns_record(&self, domain: Option<&str>, value: &str) -> String {
        let dot = if domain.is_some() { "." } else { "" };
        let strings: Vec<String> = split_record(value)
            .iter()
            .map(|text| format!("  \"{text}\""))
            .collect();
        format!(
            "{}{dot} IN TXT (\n{}\n)",
            self.record_name(domain),
            strings.join("\n")
        )
    }
}

/// Returns the domain for which mail is signed, if the settings contain it.
fn signing_domain(settings: &Settings) -> Option<String> {
    match (&settings.dkim, &settings.newsletter.from) {
        (Some(dkim), _) => Some(dkim.domain.clone()),
        (None, Some(from)) => Some(from.domain().to_owned()),
        (None, None) => None,
    }
}

fn key_names(selector: &str) -> Result<[(Selector, Algorithm); 2], CliError> {
    let parse = |text: &str| {
        Selector::parse(text).map_err(|error| CliError::Usage(format!("--selector: {error}")))
    };
    Ok([
        (parse(selector)?, Algorithm::Rsa),
        (parse(&format!("{selector}-ed25519"))?, Algorithm::Ed25519),
    ])
}

/// Writes both files or neither, and returns the values of their DNS records.
fn create_keys(keys: &[NewKey], out: &Path) -> Result<Vec<String>, CliError> {
    if let Some(key) = keys.iter().find(|key| key.file.exists()) {
        return Err(already_exists(&key.file));
    }
    let mut pems = Vec::new();
    for key in keys {
        pems.push(key.generate_pem()?);
    }
    fs::create_dir_all(out).map_err(|error| cannot_write(out, &error))?;
    for (index, (key, pem)) in keys.iter().zip(&pems).enumerate() {
        if let Err(error) = dkim::create(&key.file, pem.expose_secret()) {
            for created in &keys[..index] {
                let _ = fs::remove_file(&created.file);
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
        return already_exists(file);
    }
    CliError::Failed(format!("{} cannot be written: {error}", file.display()))
}

fn already_exists(file: &Path) -> CliError {
    CliError::Failed(format!(
        "{} exists, and keys are never overwritten; use another --selector or --out",
        file.display()
    ))
}

/// Splits the value of a TXT record into strings of the maximum length.
fn split_record(value: &str) -> Vec<&str> {
    let ends = (0..value.len()).step_by(MAX_STRING_LENGTH);
    // The value is ASCII, so that every byte is a character boundary.
    ends.filter_map(|from| value.get(from..value.len().min(from + MAX_STRING_LENGTH)))
        .collect()
}

/// Returns the section for the settings file.
fn settings_toml(domain: Option<&str>, keys: &[NewKey]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|key| {
            // JSON strings are valid TOML strings.
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
    fn dns_record_splits_long_value() {
        let value = "x".repeat(MAX_STRING_LENGTH + 1);
        assert_eq!(
            split_record(&value)
                .iter()
                .map(|s| s.len())
                .collect::<Vec<_>>(),
            [255, 1]
        );
        assert_eq!(split_record("short"), ["short"]);
        let key = NewKey {
            selector: Selector::parse("s").unwrap(),
            algorithm: Algorithm::Rsa,
            file: "a\"b.pem".into(),
        };
        assert_eq!(
            key.dns_record(Some("example.com"), "v=DKIM1"),
            "s._domainkey.example.com. IN TXT (\n  \"v=DKIM1\"\n)"
        );
        assert!(
            key.dns_record(None, "v=DKIM1")
                .starts_with("s._domainkey IN TXT")
        );
        assert_eq!(
            settings_toml(None, &[key]),
            "[dkim]\ndomain = \"example.com\"\nkeys = [\n  { selector = \"s\", file = \"a\\\"b.pem\" },\n]"
        );
    }

    #[test]
    fn create_keys_writes_both_files_or_neither() {
        let dir = tempfile::tempdir().unwrap();
        let key = |algorithm, name: &str| NewKey {
            selector: Selector::parse("s").unwrap(),
            algorithm,
            file: dir.path().join(name),
        };
        // The directory of the second file does not exist.
        let keys = [
            key(Algorithm::Ed25519, "a.pem"),
            key(Algorithm::Ed25519, "none/b.pem"),
        ];
        assert!(create_keys(&keys, dir.path()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let keys = [
            key(Algorithm::Ed25519, "a.pem"),
            key(Algorithm::Ed25519, "b.pem"),
        ];
        assert_eq!(create_keys(&keys, dir.path()).unwrap().len(), 2);
        let before = fs::read(&keys[0].file).unwrap();
        let Err(CliError::Failed(message)) = create_keys(&keys, dir.path()) else {
            panic!("the key was overwritten")
        };
        assert!(message.contains("a.pem exists"), "{message}");
        assert_eq!(fs::read(&keys[0].file).unwrap(), before);
    }
}
