//! Pure types and rules. Only the time-zone data is read from the system; no framework.

pub mod accent;
pub mod api_token;
pub mod audit;
pub mod clock;
pub mod csv;
pub mod database_url;
pub mod delivery;
pub mod dkim_selector;
pub mod email_address;
pub mod enum_text;
pub mod host_port;
pub mod ids;
pub mod issue;
pub mod mailbox;
pub mod missing_setting;
pub mod public_url;
pub mod random;
pub mod signed_token;
pub mod smtp_url;
pub mod subscriber;
pub mod subscriber_token;
pub mod time_zone;
pub mod trusted_proxies;
