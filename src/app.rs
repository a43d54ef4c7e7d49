//! Puts the parts together: settings → store, mailer, clock → web, workers.

mod components;
mod identity;
mod keys;
mod listing;
mod reload;
mod runtime;
mod settings_service;
mod signing;
mod test_mail;

use std::path::Path;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::config::{
    self, ConfigError, ConfigErrors, KeyFileError, PasswordFileError, PostOrder, Saved, Settings,
    Sources,
};
use crate::delivery::{self, DeliveryService};
use crate::digest::{ConfiguredFeed, DigestService, Order, Rules};
use crate::domain::audit::{Actor, AuditAction, AuditTarget};
use crate::domain::clock::Clock;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::ids::{AdminId, AuditId};
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::feeds::{AllowPrivate, FeedSource, Fetcher};
use crate::mail::dkim;
use crate::mail::outbox::Outbox;
use crate::mail::smtp::{HelloName, HelloNameError, SmtpServer, SmtpUrlError};
use crate::mail::templates::{TemplateFault, Templates};
use crate::mail::transport::Transport;
use crate::store::{DatabaseUrl, Store, StoreError};
use crate::subscription::SubscriptionService;
use crate::web::BackgroundTasks;
use crate::web::auth::one_time_link::create_one_time_link;
use identity::identity;
use keys::open_keys;

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Settings(#[from] ConfigErrors),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(
        "secrets.key_file: {0} is not the key of this database; with it every link in every mail would be dead. \
         Bring the right key back, or put it below the new one in the file"
    )]
    WrongKey(String),
    #[error(transparent)]
    PasswordFile(#[from] PasswordFileError),
    #[error(transparent)]
    Smtp(#[from] SmtpUrlError),
    #[error(transparent)]
    Dkim(#[from] dkim::KeyFileError),
    #[error(transparent)]
    Sign(#[from] dkim::SignError),
    #[error(
        "what the desk saved of the mail server does not go with what is set here: {0}. \
         Nothing is sent, and nothing is put into the outbox in its stead"
    )]
    SavedSmtp(ConfigError),
    #[error("newsletter.from: {0}")]
    Hello(#[from] HelloNameError),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Templates(Vec<TemplateFault>),
    #[error("the web server failed: {0}")]
    Web(#[from] std::io::Error),
}

impl AppError {
    /// Whether the operator mends it in the settings: such a start ends with status 2.
    pub fn is_about_settings(&self) -> bool {
        matches!(
            self,
            Self::Settings(_)
                | Self::KeyFile(_)
                | Self::WrongKey(_)
                | Self::PasswordFile(_)
                | Self::Smtp(_)
                | Self::SavedSmtp(_)
                | Self::Dkim(_)
                | Self::Hello(_)
                | Self::Templates(_)
        )
    }
}

/// The whole of it, opened and ready.
#[derive(Clone, Debug)]
pub struct App {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub keys: Arc<SecretKeys>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
    list_work: Arc<BackgroundTasks>,
    sources: Arc<Sources>,
    /// Of what the desk saved.
    revision: i64,
    /// Why the mail server that was saved there cannot be used here.
    unusable_smtp: Option<ConfigError>,
    /// Those in force, in a process that keeps them while the owner's are broken.
    templates: Option<Arc<Templates>>,
}

impl App {
    /// Opens the database (made if need be) and the secret key that belongs to it, and
    /// takes in what the desk saved there.
    ///
    /// # Errors
    /// When either cannot be had, or they do not belong together, or file and environment
    /// have a fault: they must be whole by themselves.
    pub async fn open(
        sources: Sources,
        clock: Arc<dyn Clock>,
        random: Arc<Random>,
    ) -> Result<Self, AppError> {
        let settings = sources.settings(&Saved::new())?;
        let place = match &settings.database.url {
            config::DatabaseUrl::Sqlite(path) => DatabaseUrl::Sqlite(path.clone()),
            config::DatabaseUrl::Postgres(url) => {
                DatabaseUrl::Postgres(url.expose_secret().to_owned())
            }
        };
        let store = Store::connect(&place).await?;
        let keys = open_keys(&store, &settings.secrets.key_file, &random).await?;
        // Beside the secret key: a folder that is nobody else's to read.
        let imports = settings.secrets.key_file.with_file_name("imports");
        let app = Self {
            list_work: Arc::new(BackgroundTasks::new(imports)),
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

    /// The same with what is saved at the desk by now.
    async fn reload_saved(&self) -> Result<Self, AppError> {
        let saved = self.store.saved_settings().await?;
        let with = self.sources.settings_with(&saved.values)?;
        for fault in &with.unusable {
            tracing::error!("what was saved at the desk is not used: {fault}");
        }
        let unusable_smtp = with.unusable.into_iter().find(ConfigError::is_of_smtp);
        Ok(Self {
            settings: Arc::new(with.settings),
            revision: saved.revision,
            unusable_smtp,
            ..self.clone()
        })
    }

    pub async fn close(&self) {
        self.store.close().await;
    }

    pub fn subscriptions(&self) -> SubscriptionService {
        SubscriptionService {
            store: self.store.clone(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        }
    }

    /// # Errors
    /// When a template of the owner's has a fault.
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
                order: match self.settings.digest.order {
                    PostOrder::Newest => Order::Newest,
                    PostOrder::Hottest => Order::Hottest,
                },
                count_clicks: self.settings.digest.count_clicks,
            },
            wanted: self
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

    /// # Errors
    /// When a template, a key, or what the settings say of the mail server, has a fault.
    pub fn deliveries(&self) -> Result<DeliveryService, AppError> {
        if let Some(fault) = &self.unusable_smtp {
            return Err(AppError::SavedSmtp(fault.clone()));
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
            policy: delivery::Policy {
                connections: usize::from(smtp.connections),
                rate_per_second: smtp.rate_per_second,
                in_doubt: match smtp.in_doubt {
                    config::InDoubtPolicy::Resend => InDoubtPolicy::Resend,
                    config::InDoubtPolicy::Hold => InDoubtPolicy::Hold,
                },
            },
        })
    }

    pub fn fetcher(&self) -> Fetcher {
        fetcher(&self.settings)
    }

    fn templates(&self) -> Result<Arc<Templates>, AppError> {
        if let Some(templates) = &self.templates {
            return Ok(Arc::clone(templates));
        }
        let dir = self.settings.templates.dir.as_deref();
        Templates::load(dir)
            .map(Arc::new)
            .map_err(AppError::Templates)
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.settings.mail.outbox.clone())
    }

    fn transport(&self) -> Result<Transport, AppError> {
        let Some(url) = self.settings.smtp.login()? else {
            return Ok(Transport::Outbox(self.outbox()));
        };
        let identity = identity(&self.settings);
        let server = SmtpServer::parse(url.secret().expose_secret(), None)?;
        let hello = HelloName::parse(identity.from.address().domain())?;
        Ok(Transport::smtp(server, hello))
    }

    /// Makes the table of feeds agree with `feeds.urls`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow_settings(&self) -> Result<(), AppError> {
        Ok(self.digests()?.follow_settings().await?)
    }

    /// Whether the settings name this feed.
    pub fn names_feed(&self, base: &Path, source: &str) -> bool {
        let same = |url: &url::Url| {
            FeedSource::parse(url.as_str(), base).is_ok_and(|it| it.to_string() == source)
        };
        self.settings.feeds.urls.iter().any(same)
    }

    /// A one-time link to the desk: for an account, or (`None`) to make the first one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn admin_link(&self, admin: Option<&AdminId>) -> Result<String, AppError> {
        let public_url = &self.settings.server.public_url;
        let moment = (&*self.random, self.clock.now());
        Ok(create_one_time_link(&self.store, public_url, admin, moment).await?)
    }

    /// Notes what a command has just done, in the list that admins read.
    pub async fn audit(&self, action: AuditAction, object: impl Into<AuditTarget>) {
        let (object, now) = (object.into(), self.clock.now());
        let id = AuditId::new(now, &self.random);
        let noted = self
            .store
            .insert_audit(&id, &Actor::Cli, (action, &object), now);
        if let Err(error) = noted.await {
            tracing::error!(%error, "that it was done could not be noted");
        }
    }

    /// The link that makes the first admin, while there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_run_link(&self) -> Result<Option<String>, AppError> {
        if self.store.has_admin().await? {
            return Ok(None);
        }
        self.admin_link(None).await.map(Some)
    }
}

/// Reads feeds from public addresses, and from what `feeds.allow_private` names.
pub fn fetcher(settings: &Settings) -> Fetcher {
    let allowed = settings
        .feeds
        .allow_private
        .iter()
        .filter_map(|it| AllowPrivate::parse(&it.to_string()).ok());
    Fetcher::new(allowed.collect())
}
