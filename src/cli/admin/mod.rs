//! `broadsheet admin`

mod accounts;
mod token;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CliError;

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Create an account and print a one-time link to set its password
    Create {
        /// Email address of the account
        email: String,
        /// admin or editor
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// Print a one-time link to set a new password
    ResetPassword {
        /// Email address of the account
        email: String,
    },
    /// Manage API tokens
    #[command(subcommand)]
    Token(token::Token),
}

impl Admin {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Create { email, role } => accounts::create(context, &email, &role).await,
            Self::ResetPassword { email } => accounts::reset_password(context, &email).await,
            Self::Token(token) => token.run(context).await,
        }
    }
}
