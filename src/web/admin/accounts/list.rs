//! `/admin/accounts`: who may use the desk.

use axum::extract::{Path, State};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::{Account, Admin, Role};
use crate::web::admin::accounts::view::{AccountLine, Accounts, InviteForm, NewLink};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash, refused};
use crate::web::auth::one_time_link::one_time_link;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

const HERE: &str = "/admin/accounts";

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let link = shared.results.links.take(&editor.session, shared.now());
    let view = view(&shared, &editor, InviteForm::default(), link).await?;
    page(&shared, &view)
}

/// Makes an account; its link is shown once, on the page after this.
pub async fn invite(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let VerifiedForm { editor, fields } = posted;
    let typed = fields.text("email");
    let role = Role::parse(fields.text("role")).map_err(|_| HttpError::Unprocessable)?;
    let refuse = async |fault: String| {
        let form = InviteForm {
            address: typed.chars().take(254).collect(),
            role: role.as_str(),
            fault: Some(fault),
        };
        refused(&shared, &view(&shared, &editor, form, None).await?)
    };
    let address = match EmailAddress::parse(typed) {
        Ok(address) => address,
        Err(error) => return refuse(error.to_string()).await,
    };
    let web = &shared.web;
    let now = web.clock.now();
    let id = AdminId::new(now, &web.random);
    if !web.store.add_admin(&id, &address, role, now).await? {
        return refuse("there is an account of that address already".to_owned()).await;
    }
    let did = AuditAction::AccountInvited;
    editor
        .audit(&shared, did, AuditTarget::Account(address.clone()))
        .await;
    with_link(&shared, &editor, &id, &address).await
}

/// Changes a role, removes an account, or makes a link for a new password.
pub async fn act(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let VerifiedForm { editor, fields } = posted;
    let (store, now) = (&shared.web.store, shared.now());
    let id = AdminId::parse(&id).map_err(|_| HttpError::NotFound)?;
    let account = store.admin(&id).await?.ok_or(HttpError::NotFound)?;
    let (revoked, action, notice) = match fields.text("action") {
        "link" => {
            let object = AuditTarget::Account(account.address.clone());
            editor
                .audit(&shared, AuditAction::AccountLinkMade, object)
                .await;
            return with_link(&shared, &editor, &id, &account.address).await;
        }
        "make_admin" => (
            store.set_role(&id, Role::Admin, now).await?,
            AuditAction::AccountMadeAdmin,
            FlashMessage::RoleChanged,
        ),
        "make_editor" => (
            store.set_role(&id, Role::Editor, now).await?,
            AuditAction::AccountMadeEditor,
            FlashMessage::RoleChanged,
        ),
        "remove" => (
            store.remove_account(&id, now).await?,
            AuditAction::AccountRemoved,
            FlashMessage::AccountRemoved,
        ),
        _ => return Err(HttpError::Unprocessable),
    };
    let Some(revoked) = revoked else {
        return Ok(redirect_with_flash(&shared, HERE, FlashMessage::LastAdmin));
    };
    let object = AuditTarget::Account(account.address);
    editor.audit(&shared, action, object).await;
    let count = revoked.len();
    for token in revoked {
        editor
            .audit(&shared, AuditAction::TokenRevoked, token)
            .await;
    }
    shared.results.revoked.keep(&editor.session, count, now);
    // Whoever took their own role away cannot look at this page any more.
    let to = if id == editor.admin.id {
        "/admin"
    } else {
        HERE
    };
    Ok(redirect_with_flash(&shared, to, notice))
}

async fn with_link(
    shared: &SharedState,
    editor: &CurrentUser,
    id: &AdminId,
    address: &EmailAddress,
) -> HandlerResult {
    let web = &shared.web;
    let moment = (&*web.random, web.clock.now());
    let url = one_time_link(&web.store, &web.door.public_url, Some(id), moment).await?;
    let link = NewLink {
        address: address.to_string(),
        url,
    };
    let links = &shared.results.links;
    links.keep(&editor.session, link, web.clock.now());
    Ok(redirect(shared, HERE))
}

async fn view(
    shared: &SharedState,
    editor: &CurrentUser,
    invite: InviteForm,
    link: Option<NewLink>,
) -> Result<Accounts, HttpError> {
    let accounts = shared.web.store.accounts().await?;
    let line = |account: Account| AccountLine {
        id: account.admin.id.to_string(),
        is_me: account.admin.id == editor.admin.id,
        is_last_admin: is_admin(&account.admin) && !others(&accounts, &account.admin),
        role: account.admin.role.as_str(),
        is_invited: account.admin.password_hash.is_none(),
        address: account.admin.address.to_string(),
        since: account.created_at,
    };
    Ok(Accounts {
        desk: editor.desk(shared),
        accounts: accounts.iter().cloned().map(line).collect(),
        invite,
        link,
    })
}

/// Someone who can log in as an admin.
fn is_admin(admin: &Admin) -> bool {
    admin.role == Role::Admin && admin.password_hash.is_some()
}

fn others(accounts: &[Account], but: &Admin) -> bool {
    let mut others = accounts.iter().filter(|other| other.admin.id != but.id);
    others.any(|other| is_admin(&other.admin))
}
