//! As much of JSON Schema as the description uses.

use serde_json::Value;

/// What does not fit: a line each, with where it stands. A key that is not described is a
/// fault, too.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    judge(document, schema, value, "$", &mut found);
    found
}

/// What a `$ref` leads to.
pub fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => {
            let target = document.pointer(place.trim_start_matches('#'));
            target.unwrap_or_else(|| panic!("{place} leads nowhere"))
        }
        None => schema,
    }
}

fn judge(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = resolved(document, schema);
    if !has_type(&schema["type"], value) {
        found.push(format!("{at}: {value} is no {}", schema["type"]));
        return;
    }
    let is_one_of = schema["enum"]
        .as_array()
        .is_none_or(|all| all.contains(value));
    let is_the_one = schema.get("const").is_none_or(|one| one == value);
    if !is_one_of || !is_the_one {
        found.push(format!("{at}: {value} is another word"));
    }
    if let Some(object) = value.as_object() {
        for (name, inner) in object {
            match schema["properties"].get(name) {
                Some(schema) => judge(document, schema, inner, &format!("{at}.{name}"), found),
                None => found.push(format!("{at}.{name} is not described")),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                found.push(format!("{at}.{name} is missing"));
            }
        }
    }
    for (nth, inner) in value.as_array().into_iter().flatten().enumerate() {
        judge(
            document,
            &schema["items"],
            inner,
            &format!("{at}[{nth}]"),
            found,
        );
    }
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("null") => value.is_null(),
        other => panic!("the type {other:?} is not judged here"),
    };
    match types {
        Value::Array(several) => several.iter().any(is),
        one => is(one),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let document = json!({ "state": { "type": "string", "enum": ["sent"] } });
        let schema = json!({
            "type": "object", "required": ["state"],
            "properties": { "state": { "$ref": "#/state" }, "at": { "type": ["integer", "null"] },
                "rows": { "type": "array", "items": { "type": "integer" } } },
        });
        let judge = |value: Value| faults(&document, &schema, &value);
        assert!(judge(json!({ "state": "sent", "at": null, "rows": [1, 2] })).is_empty());
        for (value, fault) in [
            (json!([]), "$: [] is no \"object\""),
            (json!({}), "$.\"state\" is missing"),
            (
                json!({ "state": "lost" }),
                "$.state: \"lost\" is another word",
            ),
            (
                json!({ "state": "sent", "at": "x" }),
                "$.at: \"x\" is no [\"integer\",\"null\"]",
            ),
            (
                json!({ "state": "sent", "rows": [1, "2"] }),
                "$.rows[1]: \"2\" is no \"integer\"",
            ),
            (
                json!({ "state": "sent", "token": 1 }),
                "$.token is not described",
            ),
        ] {
            assert_eq!(judge(value), [fault]);
        }
    }
}
