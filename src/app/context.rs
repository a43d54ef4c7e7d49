//! The context of a process: settings, database, keys, clock, and the services built
//! from them.

use std::path::Path;
use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::identity::identity;
use crate::app::keys::open_keys;
use crate::config::{ConfigError, Saved, Settings, Sources};
use crate::delivery::{self, DeliveryService};
use crate::digest::{ConfiguredFeed, DigestService, Rules};
use crate::domain::audit::{Actor, AuditAction, AuditTarget};
use crate::domain::clock::Clock;
use crate::domain::ids::{AdminId, AuditId};
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::feeds::{AllowPrivate, FeedSource, Fetcher};
use crate::mail::dkim::{KeySource, Signer};
use crate::mail::outbox::Outbox;
use crate::mail::smtp::{HelloName, SmtpServer};
use crate::mail::templates::Templates;
use crate::mail::transport::Transport;
use crate::reports::ReportService;
use crate::store::Store;
use crate::subscription::{SignupBatcher, SubscriptionService};
use crate::web::BackgroundTasks;
use crate::web::auth::one_time_link::create_one_time_link;

/// The opened database and keys with one revision of the settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The effective settings.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Store,
    /// The keys that sign links.
    pub keys: Arc<SecretKeys>,
    /// The current time.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub random: Arc<Random>,
    /// Shared by all components of this process, across reloads.
    pub(super) signup_batcher: SignupBatcher,
    pub(super) list_work: Arc<BackgroundTasks>,
    pub(super) sources: Arc<Sources>,
    /// Revision of the settings saved in the admin UI.
    pub(super) revision: i64,
    /// Error in the saved SMTP settings, which are therefore ignored.
    pub(super) unusable_smtp: Option<ConfigError>,
    /// The last valid templates, in a process that reloads them; `None` loads them each time.
    pub(super) templates: Option<Arc<Templates>>,
}

impl App {
    /// Opens the database and its secret key, and loads the saved settings.
    ///
    /// Creates the database and the key if they do not exist.
    ///
    /// # Errors
    /// [`AppError::Settings`] if file and environment are invalid without the saved settings,
    /// [`AppError::Store`] if the database cannot be opened, [`AppError::KeyFile`] if the key
    /// cannot be read or created, and [`AppError::WrongKey`] if the key is not the database's.
    pub async fn open(
        sources: Sources,
        clock: Arc<dyn Clock>,
        random: Arc<Random>,
    ) -> Result<Self, AppError> {
        let settings = sources.settings(&Saved::new())?;
        let store = Store::connect(&settings.database.url).await?;
        let keys = open_keys(&store, &settings.secrets.key_file, &random).await?;
        // Next to the secret key: that directory is not readable by other users.
        let imports = settings.secrets.key_file.with_file_name("imports");
        let app = Self {
            list_work: Arc::new(BackgroundTasks::new(imports)),
            signup_batcher: SignupBatcher::new(store.clone()),
            settings: Arc::new(settings),
            store,
            keys: Arc::new(keys),
            clock,
            random,
            sources: Arc::new(sources),
            revision: 0,
            unusable_smtp: None,
            templates: None,
        };
        app.reload_saved().await
    }

    /// Returns the context with the settings that are saved now.
    pub(super) async fn reload_saved(&self) -> Result<Self, AppError> {
        let saved = self.store.saved_settings().await?;
        let loaded = self.sources.settings_with(&saved.values)?;
        for error in &loaded.unusable {
            tracing::error!(%error, "a setting saved in the admin UI is ignored");
        }
        let unusable_smtp = loaded.unusable.into_iter().find(ConfigError::is_smtp);
        Ok(Self {
            settings: Arc::new(loaded.settings),
            revision: saved.revision,
            unusable_smtp,
            ..self.clone()
        })
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Returns the service for sign-ups and subscribers.
    pub fn subscriptions(&self) -> SubscriptionService {
        SubscriptionService {
            outbox: self.outbox(),
            store: self.store.clone(),
            signup_batcher: self.signup_batcher.clone(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        }
    }

    /// Returns the service that creates issues.
    ///
    /// # Errors
    /// [`AppError::Templates`] if a custom template is invalid.
    pub fn digests(&self) -> Result<DigestService, AppError> {
        Ok(DigestService {
            store: self.store.clone(),
            fetcher: self.fetcher(),
            templates: self.templates()?,
            identity: Arc::new(identity(&self.settings)),
            rules: Rules {
                max_posts: usize::from(self.settings.digest.max_posts),
                min_posts: usize::from(self.settings.digest.min_posts),
                max_age: self.settings.digest.max_age,
                order: self.settings.digest.order,
                count_clicks: self.settings.digest.count_clicks,
            },
            configured_feeds: self
                .settings
                .feeds
                .urls
                .iter()
                .map(|url| ConfiguredFeed(FeedSource::Web(url.clone())))
                .collect(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        })
    }

    /// Returns the service that sends mail.
    ///
    /// # Errors
    /// [`AppError::SavedSmtp`], [`AppError::PasswordFile`], [`AppError::Smtp`] or
    /// [`AppError::Hello`] if the SMTP settings cannot be used, [`AppError::Dkim`] if a key
    /// cannot be read, and [`AppError::Templates`] if a custom template is invalid.
    pub fn deliveries(&self) -> Result<DeliveryService, AppError> {
        if let Some(error) = &self.unusable_smtp {
            return Err(AppError::SavedSmtp(error.clone()));
        }
        let smtp = &self.settings.smtp;
        let identity = Arc::new(identity(&self.settings));
        Ok(DeliveryService {
            store: self.store.clone(),
            templates: self.templates()?,
            identity,
            transport: Arc::new(self.transport()?),
            signer: self.signer()?,
            return_path: smtp.return_path.clone(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            settings: delivery::DeliverySettings {
                connections: usize::from(smtp.connections),
                rate_per_second: smtp.rate_per_second,
                messages_per_connection: smtp.messages_per_connection,
                in_doubt: smtp.in_doubt,
            },
        })
    }

    /// Returns the service that reads bounce and complaint reports.
    pub fn reports(&self) -> ReportService {
        ReportService {
            store: self.store.clone(),
            keys: Arc::clone(&self.keys),
            return_path: self.settings.smtp.return_path.clone(),
            from: identity(&self.settings).from,
            random: Arc::clone(&self.random),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Returns the client that fetches feeds.
    pub fn fetcher(&self) -> Fetcher {
        fetcher(&self.settings)
    }

    pub(super) fn templates(&self) -> Result<Arc<Templates>, AppError> {
        if let Some(templates) = &self.templates {
            return Ok(Arc::clone(templates));
        }
        let dir = self.settings.templates.dir.as_deref();
        Templates::load(dir)
            .map(Arc::new)
            .map_err(AppError::Templates)
    }

    pub(super) fn outbox(&self) -> Outbox {
        Outbox::new(self.settings.mail.outbox.clone())
    }

    pub(super) fn transport(&self) -> Result<Transport, AppError> {
        let Some(url) = self.settings.smtp.resolve_credentials()? else {
            return Ok(Transport::Outbox(self.outbox()));
        };
        let identity = identity(&self.settings);
        let server = SmtpServer::new(&url)?;
        let hello = HelloName::parse(identity.from.address().domain())?;
        Ok(Transport::smtp(server, hello))
    }

    /// Returns the DKIM signer; `None` if the settings contain no key.
    pub(super) fn signer(&self) -> Result<Option<Arc<Signer>>, AppError> {
        let Some(dkim) = &self.settings.dkim else {
            return Ok(None);
        };
        let keys: Vec<KeySource> = dkim
            .keys
            .iter()
            .map(|key| KeySource {
                selector: key.selector.clone(),
                file: key.file.clone(),
            })
            .collect();
        let signer = Signer::load(&dkim.domain, &keys)?;
        for file in signer.readable_by_others() {
            tracing::warn!(
                "dkim.keys: other users of this machine can read {}; restrict it with chmod 600",
                file.display()
            );
        }
        Ok(Some(Arc::new(signer)))
    }

    /// Adds the feeds of `feeds.urls` to the database and removes those no longer set.
    ///
    /// # Errors
    /// [`AppError::Store`] if a statement fails, and [`AppError::Templates`] if a custom
    /// template is invalid.
    pub async fn sync_feeds_from_settings(&self) -> Result<(), AppError> {
        Ok(self.digests()?.sync_feeds_from_settings().await?)
    }

    /// Returns whether `feeds.urls` contains the feed `source`.
    pub fn is_configured_feed(&self, base: &Path, source: &str) -> bool {
        let is_same = |url: &url::Url| {
            FeedSource::parse(url.as_str(), base).is_ok_and(|feed| feed.to_string() == source)
        };
        self.settings.feeds.urls.iter().any(is_same)
    }

    /// Creates a one-time link to the admin UI: to set the password of an account, or with
    /// `None` to create the first account.
    ///
    /// # Errors
    /// [`AppError::Store`] if the link cannot be stored.
    pub async fn admin_link(&self, admin: Option<&AdminId>) -> Result<String, AppError> {
        let public_url = &self.settings.server.public_url;
        let moment = (&*self.random, self.clock.now());
        Ok(create_one_time_link(&self.store, public_url, admin, moment).await?)
    }

    /// Writes an action of a command to the audit log. An error is only logged, because the
    /// action itself is complete.
    pub async fn audit(&self, action: AuditAction, target: impl Into<AuditTarget>) {
        let (target, now) = (target.into(), self.clock.now());
        let id = AuditId::new(now, &self.random);
        let inserted = self
            .store
            .insert_audit(&id, &Actor::Cli, (action, &target), now);
        if let Err(error) = inserted.await {
            tracing::error!(%error, "cannot write audit entry");
        }
    }

    /// Creates a one-time link that creates the first account; `None` if one exists.
    ///
    /// # Errors
    /// [`AppError::Store`] if a statement fails.
    pub async fn first_run_link(&self) -> Result<Option<String>, AppError> {
        if self.store.has_admin().await? {
            return Ok(None);
        }
        self.admin_link(None).await.map(Some)
    }
}

/// Returns a client that fetches feeds from public addresses and the hosts in
/// `feeds.allow_private`.
pub fn fetcher(settings: &Settings) -> Fetcher {
    let allowed = settings
        .feeds
        .allow_private
        .iter()
        .filter_map(|host| AllowPrivate::parse(&host.to_string()).ok());
    Fetcher::new(allowed.collect())
}
