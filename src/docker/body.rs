//! The request to the daemon that a declared container becomes.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, Mount as ApiMount,
    MountBindOptions, MountType, NetworkingConfig, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};

use super::container::{Container, Port, Protocol, Restart, Secrets};
use super::error::DockerError;
use super::image::Image;
use super::inject;

impl Container {
    /// The request that creates it.
    pub(super) fn body(&self, image: &Image) -> Result<ContainerCreateBody, DockerError> {
        self.check()?;
        let environment = self.secrets.as_ref().and_then(Secrets::environment_file);
        let (entrypoint, command) = match &environment {
            Some(file) => {
                let (entrypoint, command) = (self.entrypoint.as_deref(), self.command.as_deref());
                let whole = inject::whole_command(entrypoint, command, image)?;
                (Some(inject::start_up(file)), Some(whole))
            }
            None => (self.entrypoint.clone(), self.command.clone()),
        };
        let mut ports: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for port in &self.ports {
            let bindings = ports.entry(port.name()).or_default();
            bindings.get_or_insert_default().push(port.binding());
        }
        Ok(ContainerCreateBody {
            image: Some(self.image.clone()),
            entrypoint,
            cmd: command,
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            env: Some(
                self.environment
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.0))
                    .collect(),
            ),
            // Whole seconds, and never less than was asked for.
            stop_timeout: self
                .stop_within
                .map(|time| i64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)),
            labels: Some(self.labels.clone().into_iter().collect()),
            exposed_ports: Some(self.ports.iter().map(Port::name).collect()),
            healthcheck: self.health_config(image, environment.as_deref()),
            host_config: Some(HostConfig {
                mounts: Some(self.api_mounts()),
                network_mode: self.networks.first().cloned(),
                port_bindings: Some(ports),
                restart_policy: Some(self.restart.policy()),
                init: self.init.then_some(true),
                extra_hosts: Some(self.extra_hosts.clone()).filter(|hosts| !hosts.is_empty()),
                ..HostConfig::default()
            }),
            networking_config: self.networks.first().and_then(|network| {
                let endpoint = self.endpoint(network)?;
                Some(NetworkingConfig {
                    endpoints_config: Some([(network.clone(), endpoint)].into()),
                })
            }),
            ..ContainerCreateBody::default()
        })
    }

    fn api_mounts(&self) -> Vec<ApiMount> {
        let folders = self
            .mounts
            .iter()
            .map(|m| bind(&m.source, &m.target, m.read_only));
        let files = self
            .files
            .iter()
            .map(|file| bind(&file.source, &file.target, true));
        let secrets = self
            .secrets
            .iter()
            .map(|s| bind(&s.source, &s.target, true));
        folders.chain(secrets).chain(files).collect()
    }

    /// Its further names in a network, if it has any there.
    pub(super) fn endpoint(&self, network: &str) -> Option<EndpointSettings> {
        let aliases = self.aliases.get(network)?;
        Some(EndpointSettings {
            aliases: Some(aliases.clone()),
            ..EndpointSettings::default()
        })
    }

    /// The hook's check or, where variables come through a file, the image's own made to see them.
    fn health_config(&self, image: &Image, environment: Option<&str>) -> Option<HealthConfig> {
        let check = &self.health;
        if check.off {
            return Some(no_health());
        }
        let own = check.command.as_ref().map(|command| {
            let mut test = vec!["CMD".to_owned()];
            test.extend_from_slice(command);
            test
        });
        let of_image = || Some(image.health.clone()).filter(|test| !test.is_empty());
        let test = match environment {
            Some(file) => own
                .or_else(of_image)
                .map(|test| inject::health_with_environment(file, &test)),
            None => own,
        };
        // What is left out here comes from the image.
        let health = HealthConfig {
            test,
            interval: check.interval.map(nanoseconds),
            timeout: check.timeout.map(nanoseconds),
            retries: check.retries.map(i64::from),
            start_period: check.start_period.map(nanoseconds),
            ..HealthConfig::default()
        };
        (health != HealthConfig::default()).then_some(health)
    }
}

/// Takes the image's health check away.
pub(super) fn no_health() -> HealthConfig {
    HealthConfig {
        test: Some(vec!["NONE".to_owned()]),
        ..HealthConfig::default()
    }
}

impl Port {
    fn name(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        format!("{}/{protocol}", self.container)
    }

    fn binding(&self) -> PortBinding {
        PortBinding {
            host_ip: Some(self.address.to_string()),
            host_port: Some(self.host.to_string()),
        }
    }
}

impl Restart {
    pub(super) fn policy(self) -> RestartPolicy {
        let (name, tries) = match self {
            Self::No => (RestartPolicyNameEnum::NO, None),
            Self::OnFailure(tries) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(tries))),
            Self::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        };
        RestartPolicy {
            name: Some(name),
            maximum_retry_count: tries,
        }
    }

    /// What a daemon says of a container, if it is one of these.
    pub(super) fn of(policy: &RestartPolicy) -> Option<Self> {
        match policy.name? {
            RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY => Some(Self::No),
            RestartPolicyNameEnum::ON_FAILURE => {
                let tries = policy.maximum_retry_count.unwrap_or_default();
                Some(Self::OnFailure(u16::try_from(tries).ok()?))
            }
            RestartPolicyNameEnum::UNLESS_STOPPED => Some(Self::UnlessStopped),
            RestartPolicyNameEnum::ALWAYS => None,
        }
    }
}

/// A bind mount that must find its source.
fn bind(source: &Path, target: &str, read_only: bool) -> ApiMount {
    ApiMount {
        typ: Some(MountType::BIND),
        source: Some(source.display().to_string()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        bind_options: Some(MountBindOptions {
            create_mountpoint: Some(false),
            ..MountBindOptions::default()
        }),
        ..ApiMount::default()
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::container::FileMount;
    use super::*;

    fn greeter() -> Container {
        Container {
            name: "greeter".to_owned(),
            image: "shop/greeter:1".to_owned(),
            secrets: Some(Secrets {
                source: "/run/clws/greeter/1".into(),
                target: "/run/clws".to_owned(),
                environment: true,
            }),
            files: vec![FileMount {
                source: "/run/clws/greeter/1/config.json".into(),
                target: "/etc/greeter.json".to_owned(),
            }],
            restart: Restart::OnFailure(3),
            ports: vec![Port {
                address: [127, 0, 0, 1].into(),
                host: 8080,
                container: 80,
                protocol: Protocol::Tcp,
            }],
            ..Container::default()
        }
    }

    fn image() -> Image {
        Image {
            name: "shop/greeter:1".to_owned(),
            entrypoint: vec!["/greet".to_owned()],
            health: vec!["CMD-SHELL".to_owned(), "ask".to_owned()],
            ..Image::default()
        }
    }

    #[test]
    fn folders_are_mounts_that_must_exist_and_never_binds() {
        let body = serde_json::to_value(greeter().body(&image()).unwrap()).unwrap();
        let host = &body["HostConfig"];
        assert!(host.get("Binds").is_none() && body.get("Volumes").is_none());
        let mounts = host["Mounts"].as_array().unwrap();
        assert_eq!(mounts.len(), 2);
        for mount in mounts {
            assert_eq!(mount["Type"], "bind");
            assert_eq!(mount["ReadOnly"], true);
            assert_eq!(mount["BindOptions"]["CreateMountpoint"], false);
        }
        assert_eq!(host["RestartPolicy"]["Name"], "on-failure");
        assert_eq!(host["PortBindings"]["80/tcp"][0]["HostIp"], "127.0.0.1");
    }

    #[test]
    fn variables_through_a_file_change_the_entrypoint_and_the_images_health_check() {
        let body = greeter().body(&image()).unwrap();
        assert_eq!(
            body.entrypoint.unwrap()[2],
            ". '/run/clws/env' && exec \"$@\""
        );
        assert_eq!(body.cmd.unwrap(), ["/greet"]);
        assert_eq!(
            body.healthcheck.unwrap().test.unwrap().last().unwrap(),
            "ask"
        );

        let mut plain = greeter();
        plain.secrets.as_mut().unwrap().environment = false;
        let body = plain.body(&image()).unwrap();
        assert_eq!(
            (body.entrypoint, body.cmd, body.healthcheck),
            (None, None, None)
        );
    }
}
