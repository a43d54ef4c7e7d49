//! A mail server's address as the fields of a form.

use url::Url;

use crate::web::admin::form::FormFields;
use crate::web::admin::settings::view::ServerForm;

/// The fields as they were posted.
pub fn typed(fields: &FormFields) -> ServerForm {
    let text = |name: &str| fields.text(name).trim().to_owned();
    let host = text("host");
    // Who names a server wants it.
    let way = match text("way") {
        way if way.is_empty() && !host.is_empty() => "server".to_owned(),
        way => way,
    };
    ServerForm {
        way,
        host,
        port: text("port"),
        tls: text("tls"),
        user: text("user"),
    }
}

/// The fields of a URL without a password. `is_chosen`: someone left it empty on purpose.
pub fn of_url(url: &str, is_chosen: bool) -> ServerForm {
    let Ok(url) = Url::parse(url) else {
        return ServerForm {
            way: if is_chosen { "outbox" } else { "" }.to_owned(),
            tls: "required".to_owned(),
            ..ServerForm::default()
        };
    };
    let mut options = url.query_pairs();
    let tls = options.find(|(option, _)| option == "tls");
    let user = percent_encoding::percent_decode_str(url.username());
    ServerForm {
        way: "server".to_owned(),
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

/// `smtp.url` for the form: empty for the outbox, `None` when the host or the port cannot
/// be one.
pub fn url(form: &ServerForm) -> Option<String> {
    if form.way != "server" {
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

    fn form(host: &str, port: &str, tls: &str, user: &str) -> ServerForm {
        let text = str::to_owned;
        ServerForm {
            way: text("server"),
            host: text(host),
            port: text(port),
            tls: text(tls),
            user: text(user),
        }
    }

    #[test]
    fn a_form_is_a_url_and_back() {
        for (form, told) in [
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
            assert_eq!(url(&form).as_deref(), Some(told));
            assert_eq!(of_url(told, false), form);
        }
        assert_eq!(of_url("", true).way, "outbox");
        assert_eq!(url(&of_url("", false)).as_deref(), Some(""));
    }

    #[test]
    fn no_password_comes_in_by_the_host() {
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
                url(&form(host, port, "required", "")),
                None,
                "{host} {port}"
            );
        }
    }
}
