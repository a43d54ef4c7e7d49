//! `/admin/accounts`: invite, change and remove accounts.

use axum::extract::{Path, State};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::{Account, Admin, Role};
use crate::web::admin::accounts::view::{AccountRow, AccountsPage, InviteForm, NewLink};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{
    HandlerResult, redirect, redirect_with_flash, render, render_invalid,
};
use crate::web::auth::one_time_link::create_one_time_link;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

const ACCOUNTS_PATH: &str = "/admin/accounts";

/// Characters of a typed address that the form shows again. No address is longer.
const MAX_ADDRESS_CHARS: usize = 254;

/// `GET /admin/accounts`
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let link = shared.flash.links.take(&user.session, shared.now());
    let view = accounts_page(&shared, &user, InviteForm::default(), link).await?;
    render(&shared, &view)
}

/// `POST /admin/accounts`: creates an account. The next page shows its one-time link.
pub async fn invite(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let VerifiedForm { user, fields } = form;
    let typed = fields.text("email");
    let role = Role::parse(fields.text("role")).map_err(|_| HttpError::Unprocessable)?;
    let reject = async |error: String| {
        let invite = InviteForm {
            address: typed.chars().take(MAX_ADDRESS_CHARS).collect(),
            role: role.as_str(),
            error: Some(error),
        };
        render_invalid(&shared, &accounts_page(&shared, &user, invite, None).await?)
    };
    let address = match EmailAddress::parse(typed) {
        Ok(address) => address,
        Err(error) => return reject(error.to_string()).await,
    };
    let web = &shared.web;
    let now = web.clock.now();
    let id = AdminId::new(now, &web.random);
    if !web.store.add_admin(&id, &address, role, now).await? {
        return reject("an account with this address already exists".to_owned()).await;
    }
    let target = AuditTarget::Account(address.clone());
    user.audit(&shared, AuditAction::AccountInvited, target)
        .await;
    create_link(&shared, &user, &id, &address).await
}

/// `POST /admin/accounts/{id}`: changes a role, removes an account, or creates a one-time
/// link for a new password.
pub async fn submit_action(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let VerifiedForm { user, fields } = form;
    let (store, now) = (&shared.web.store, shared.now());
    let id = AdminId::parse(&id).map_err(|_| HttpError::NotFound)?;
    let account = store.admin(&id).await?.ok_or(HttpError::NotFound)?;
    let (revoked, action, message) = match fields.text("action") {
        "link" => {
            let target = AuditTarget::Account(account.address.clone());
            user.audit(&shared, AuditAction::AccountLinkMade, target)
                .await;
            return create_link(&shared, &user, &id, &account.address).await;
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
        let message = FlashMessage::LastAdmin;
        return Ok(redirect_with_flash(&shared, ACCOUNTS_PATH, message));
    };
    let target = AuditTarget::Account(account.address);
    user.audit(&shared, action, target).await;
    let count = revoked.len();
    for token in revoked {
        user.audit(&shared, AuditAction::TokenRevoked, token).await;
    }
    shared.flash.revoked_tokens.set(&user.session, count, now);
    // After giving up their own role, users can no longer open this page.
    let path = if id == user.admin.id {
        "/admin"
    } else {
        ACCOUNTS_PATH
    };
    Ok(redirect_with_flash(&shared, path, message))
}

/// Creates a one-time link and redirects to the page that shows it once.
async fn create_link(
    shared: &SharedState,
    user: &CurrentUser,
    id: &AdminId,
    address: &EmailAddress,
) -> HandlerResult {
    let web = &shared.web;
    let now = web.clock.now();
    let context = (&*web.random, now);
    let url = create_one_time_link(&web.store, &web.door.public_url, Some(id), context).await?;
    let link = NewLink {
        address: address.to_string(),
        url,
    };
    shared.flash.links.set(&user.session, link, now);
    Ok(redirect(shared, ACCOUNTS_PATH))
}

async fn accounts_page(
    shared: &SharedState,
    user: &CurrentUser,
    invite: InviteForm,
    link: Option<NewLink>,
) -> Result<AccountsPage, HttpError> {
    let accounts = shared.web.store.accounts().await?;
    let row = |account: Account| AccountRow {
        id: account.admin.id.to_string(),
        is_me: account.admin.id == user.admin.id,
        is_last_admin: is_active_admin(&account.admin)
            && !has_other_admin(&accounts, &account.admin),
        role: account.admin.role.as_str(),
        is_invited: account.admin.password_hash.is_none(),
        address: account.admin.address.to_string(),
        since: account.created_at,
    };
    Ok(AccountsPage {
        layout: user.layout(shared),
        accounts: accounts.iter().cloned().map(row).collect(),
        invite,
        link,
    })
}

/// Returns whether the account can log in as an admin.
fn is_active_admin(admin: &Admin) -> bool {
    admin.role == Role::Admin && admin.password_hash.is_some()
}

fn has_other_admin(accounts: &[Account], admin: &Admin) -> bool {
    let mut others = accounts.iter().filter(|other| other.admin.id != admin.id);
    others.any(|other| is_active_admin(&other.admin))
}
