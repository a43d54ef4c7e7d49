//! The subset of JSON Schema that the API description uses.

use serde_json::Value;

/// Returns where `value` does not match the schema, one message each. A key that is not
/// described is a violation.
pub fn violations(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(document, schema, value, "$", &mut found);
    found
}

/// Follows a `$ref`.
pub fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => {
            let target = document.pointer(place.trim_start_matches('#'));
            target.unwrap_or_else(|| panic!("{place} does not exist"))
        }
        None => schema,
    }
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = resolve(document, schema);
    if !has_type(&schema["type"], value) {
        found.push(format!("{at}: {value} is not {}", schema["type"]));
        return;
    }
    let is_one_of = schema["enum"]
        .as_array()
        .is_none_or(|all| all.contains(value));
    let is_the_constant = schema.get("const").is_none_or(|constant| constant == value);
    if !is_one_of || !is_the_constant {
        found.push(format!("{at}: {value} is not allowed"));
    }
    if let Some(object) = value.as_object() {
        for (name, inner) in object {
            match schema["properties"].get(name) {
                Some(schema) => check(document, schema, inner, &format!("{at}.{name}"), found),
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
        check(
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
        other => panic!("the type {other:?} is not supported"),
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
    fn violations_name_place_and_reason() {
        let document = json!({ "state": { "type": "string", "enum": ["sent"] } });
        let schema = json!({
            "type": "object", "required": ["state"],
            "properties": { "state": { "$ref": "#/state" }, "at": { "type": ["integer", "null"] },
                "rows": { "type": "array", "items": { "type": "integer" } } },
        });
        let check = |value: Value| violations(&document, &schema, &value);
        assert!(check(json!({ "state": "sent", "at": null, "rows": [1, 2] })).is_empty());
        for (value, message) in [
            (json!([]), "$: [] is not \"object\""),
            (json!({}), "$.\"state\" is missing"),
            (
                json!({ "state": "lost" }),
                "$.state: \"lost\" is not allowed",
            ),
            (
                json!({ "state": "sent", "at": "x" }),
                "$.at: \"x\" is not [\"integer\",\"null\"]",
            ),
            (
                json!({ "state": "sent", "rows": [1, "2"] }),
                "$.rows[1]: \"2\" is not \"integer\"",
            ),
            (
                json!({ "state": "sent", "token": 1 }),
                "$.token is not described",
            ),
        ] {
            assert_eq!(check(value), [message]);
        }
    }
}
