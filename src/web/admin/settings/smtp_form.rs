//! Converts `smtp.url` to the fields of a form and back.

use url::Url;

use crate::web::admin::form::FormFields;
use crate::web::admin::settings::view::SmtpForm;

/// Returns the fields as they were posted.
pub fn from_fields(fields: &FormFields) -> SmtpForm {
    let text = |name: &str| fields.text(name).trim().to_owned();
    let host = text("host");
    // A host without a choice selects the server.
    let mode = match text("way") {
        mode if mode.is_empty() && !host.is_empty() => "server".to_owned(),
        mode => mode,
    };
    SmtpForm {
        mode,
        host,
        port: text("port"),
        tls: text("tls"),
        user: text("user"),
    }
}

/// Returns the fields of a URL, which contains no password. `is_outbox_chosen` is whether
/// the URL was left empty deliberately.
pub fn from_url(url: &str, is_outbox_chosen: bool) -> SmtpForm {
    let Ok(url) = Url::parse(url) else {
        return SmtpForm {
            mode: if is_outbox_chosen { "outbox" } else { "" }.to_owned(),
            tls: "required".to_owned(),
            ..SmtpForm::default()
        };
    };
    let mut options = url.query_pairs();
    let tls = options.find(|(option, _)| option == "tls");
    let user = percent_encoding::percent_decode_str(url.username());
    SmtpForm {
        mode: "server".to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port().map_or_else(String::new, |port| port.to_string()),
        tls: match (url.scheme(), tls) {
            ("smtps", _) => "smtps".to_owned(),
            (_, Some((_, tls))) => tls.into_owned(),
            (_, None) => "none".to_owned(),
        },
        user: user.decode_utf8_lossy().into_owned(),
    }
}

/// Returns `smtp.url` for the fields: empty for the outbox, and `None` if the host or the
/// port is invalid.
pub fn to_url(form: &SmtpForm) -> Option<String> {
    if form.mode != "server" {
        return Some(String::new());
    }
    let (scheme, tls) = match form.tls.as_str() {
        "smtps" => ("smtps", None),
        tls => ("smtp", Some(tls)),
    };
    let mut url = Url::parse(&format!("{scheme}://{}", form.host)).ok()?;
    let is_bare = url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_bare {
        return None;
    }
    if !form.port.is_empty() {
        let port = form.port.parse().ok().filter(|port| *port > 0)?;
        url.set_port(Some(port)).ok()?;
    }
    url.set_username(&form.user).ok()?;
    if let Some(tls) = tls {
        url.query_pairs_mut().append_pair("tls", tls);
    }
    Some(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(host: &str, port: &str, tls: &str, user: &str) -> SmtpForm {
        let text = str::to_owned;
        SmtpForm {
            mode: text("server"),
            host: text(host),
            port: text(port),
            tls: text(tls),
            user: text(user),
        }
    }

    #[test]
    fn smtp_form_round_trips_through_url() {
        for (form, url) in [
            (
                form("smtp.example.com", "587", "required", "ada@example.com"),
                "smtp://ada%40example.com@smtp.example.com:587?tls=required",
            ),
            (
                form("smtp.example.com", "", "smtps", "ada:x"),
                "smtps://ada%3Ax@smtp.example.com",
            ),
            (
                form("127.0.0.1", "1025", "none", ""),
                "smtp://127.0.0.1:1025?tls=none",
            ),
            (
                form("[::1]", "25", "opportunistic", ""),
                "smtp://[::1]:25?tls=opportunistic",
            ),
        ] {
            assert_eq!(to_url(&form).as_deref(), Some(url));
            assert_eq!(from_url(url, false), form);
        }
        assert_eq!(from_url("", true).mode, "outbox");
        assert_eq!(to_url(&from_url("", false)).as_deref(), Some(""));
    }

    #[test]
    fn invalid_host_or_port_is_rejected() {
        for (host, port) in [
            ("u:p@smtp.example.com", ""),
            ("smtp.example.com:25", ""),
            ("smtp.example.com/x", ""),
            ("smtp.example.com?tls=none", ""),
            ("smtp example", ""),
            ("", ""),
            ("smtp.example.com", "0"),
            ("smtp.example.com", "70000"),
            ("smtp.example.com", "x"),
        ] {
            assert_eq!(
                to_url(&form(host, port, "required", "")),
                None,
                "{host} {port}"
            );
        }
    }
}
