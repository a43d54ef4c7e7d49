//! `/admin/settings`, to read only.

use axum::extract::State;

use super::editor::Editor;
use super::views::Settings;
use super::{Answer, page};
use crate::web::state::Shared;

pub async fn show(State(shared): State<Shared>, editor: Editor) -> Answer {
    let view = Settings {
        desk: editor.desk(&shared),
        sections: shared.web.settings.clone(),
    };
    page(&shared, &view)
}
