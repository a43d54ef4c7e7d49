use crate::web::admin::settings::token_view::{CreatedToken, TokenForm, TokenRow, TokensPage};
use crate::web::tests::samples::admin::layout;
use crate::web::tests::samples::{Album, FRIDAY, Fill, days_after};

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    let page = TokensPage {
        layout: layout(fill),
        tokens: fill.list(vec![
            token_row(fill, &["read"], "holds"),
            token_row(fill, &["read", "subscribers", "issues"], "expired"),
            token_row(fill, &["issues"], "revoked"),
        ]),
        hidden_revoked: fill.some(2).unwrap_or(0),
        created: None,
        form: TokenForm::default(),
    };
    let made = CreatedToken {
        name: fill.needed("shop"),
        secret: fill.needed("bs_cCfbXmBVZlzyRLU3T9gPPyXn1MHqkvmkBmz8jxqvBH0"),
    };
    album.add("tokens", page.clone());
    album.add(
        "tokens-made",
        TokensPage {
            created: Some(made),
            ..page.clone()
        },
    );
    for fault_at in ["name", "scope-read"] {
        let form = TokenForm {
            name: fill.text("shop"),
            read: false,
            error: Some(fill.needed("a token with this name already exists")),
            error_field: fault_at,
            ..TokenForm::default()
        };
        album.add(
            &format!("tokens-fault-{fault_at}"),
            TokensPage {
                form,
                ..page.clone()
            },
        );
    }
}

fn token_row(fill: Fill, scopes: &[&'static str], state: &'static str) -> TokenRow {
    TokenRow {
        id: "0190".to_owned(),
        name: fill.needed("shop"),
        scopes: scopes.to_vec(),
        state,
        created_at: FRIDAY,
        created_by: (state == "holds").then(|| fill.needed("editor@example.com")),
        last_used_at: (state != "revoked").then_some(FRIDAY),
        expires_at: (state != "revoked").then(|| days_after(FRIDAY, 90)),
    }
}
