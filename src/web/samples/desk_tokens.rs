use crate::web::admin::settings::token_view::{MadeToken, TokenForm, TokenLine, Tokens};
use crate::web::samples::desk::desk;
use crate::web::samples::{Album, FRIDAY, Fill, days_after};

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    let page = Tokens {
        desk: desk(fill),
        tokens: fill.list(vec![
            line(fill, &["read"], "holds"),
            line(fill, &["read", "subscribers", "issues"], "expired"),
            line(fill, &["issues"], "revoked"),
        ]),
        left_out: fill.some(2).unwrap_or(0),
        made: None,
        form: TokenForm::default(),
    };
    let made = MadeToken {
        name: fill.needed("shop"),
        secret: fill.needed("bs_cCfbXmBVZlzyRLU3T9gPPyXn1MHqkvmkBmz8jxqvBH0"),
    };
    album.add("tokens", page.clone());
    album.add(
        "tokens-made",
        Tokens {
            made: Some(made),
            ..page.clone()
        },
    );
    for fault_at in ["name", "scope-read"] {
        let form = TokenForm {
            name: fill.text("shop"),
            read: false,
            fault: Some(fill.needed("there is a token of that name already")),
            fault_at,
            ..TokenForm::default()
        };
        album.add(
            &format!("tokens-fault-{fault_at}"),
            Tokens {
                form,
                ..page.clone()
            },
        );
    }
}

fn line(fill: Fill, scopes: &[&'static str], state: &'static str) -> TokenLine {
    TokenLine {
        id: "0190".to_owned(),
        name: fill.needed("shop"),
        scopes: scopes.to_vec(),
        state,
        made_at: FRIDAY,
        made_by: (state == "holds").then(|| fill.needed("editor@example.com")),
        last_used_at: (state != "revoked").then_some(FRIDAY),
        expires_at: (state != "revoked").then(|| days_after(FRIDAY, 90)),
    }
}
