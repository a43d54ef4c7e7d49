//! Loads the templates and checks them with sample values.

use std::path::Path;

use crate::mail::templates::engine::{TemplateError, Templates};
use crate::mail::templates::samples;

impl Templates {
    /// Loads the embedded templates and the files in `dir` that override them.
    ///
    /// All templates are parsed and rendered with sample values, so that an error is reported
    /// at start and not when an issue is sent.
    ///
    /// # Errors
    /// Returns all errors found in the templates.
    pub fn load(dir: Option<&Path>) -> Result<Self, Vec<TemplateError>> {
        let templates = Self::parse(dir)?;
        let errors = samples::render_all(&templates);
        if errors.is_empty() {
            Ok(templates)
        } else {
            Err(errors)
        }
    }
}

/// Returns all errors in the templates, with the files in `dir` that override them.
pub fn check(dir: Option<&Path>) -> Vec<TemplateError> {
    Templates::load(dir).err().unwrap_or_default()
}
