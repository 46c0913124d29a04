//! What a daemon is asked once: how it isolates containers, and what the images are that are there.

use super::client::Engine;
use super::error::DockerError;
use super::image::{Image, checked_image};
use super::traits::Traits;

impl Engine {
    /// What the daemon says about how it isolates containers; it is asked once.
    ///
    /// # Errors
    /// If the daemon does not answer.
    pub async fn traits(&self) -> Result<&Traits, DockerError> {
        let ask = async {
            let info = self.ask("describe itself", self.docker.info()).await?;
            Ok(Traits::of(info))
        };
        self.traits.get_or_try_init(|| ask).await
    }

    /// Asks for the traits beside whatever comes next: a daemon counts all that it has before it answers.
    pub fn ask_ahead(&self) {
        let engine = self.clone();
        // Whoever needs them asks again if this fails, and says why.
        drop(tokio::spawn(async move { engine.traits().await.is_ok() }));
    }

    /// Looks an image up on the target; nothing is fetched from a registry, see [`Engine::pull`]. One
    /// that was found is not asked for again: what a deploy says and starts is one and the same.
    ///
    /// # Errors
    /// [`DockerError::NoImage`] if it is not there, [`DockerError::Declaration`] if that is no name.
    pub async fn image(&self, name: &str) -> Result<Image, DockerError> {
        checked_image(name)?;
        if let Some(known) = self.images.lock().await.get(name) {
            return Ok(known.clone());
        }
        let doing = format!("look at the image `{name}`");
        let seen = match self.ask(&doing, self.docker.inspect_image(name)).await {
            Err(error) if error.is_absence() => {
                let image = name.to_owned();
                return Err(DockerError::NoImage { image });
            }
            other => other?,
        };
        let image = Image::of(&doing, name, seen)?;
        let mut images = self.images.lock().await;
        images.insert(name.to_owned(), image.clone());
        Ok(image)
    }
}
