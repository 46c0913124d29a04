//! The images of the reference, as each host has them (`images.sh` packs them).

use std::process::Command;

use crate::town::{HERE, SERVER, Town, WORKER};

/// Packs the images and gives each host its own.
pub(crate) fn bring(town: &Town) {
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted");
    std::fs::write(&trusted, town.value("tls/codalab.crt")).unwrap();
    let output = Command::new("sh")
        .arg(format!("{HERE}/images.sh"))
        .arg(HERE)
        .arg(folder.path())
        .arg(&trusted)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let tar = |name: &str| folder.path().join(format!("{name}.tar"));
    let programs = ["WORKDIR /opt/codalab-worksheets", r#"CMD ["cl-frontend"]"#];
    let server = town.host(SERVER).engine();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            server.import(&tar("codalab"), "codalab/server:1.7.5", &programs);
            server.told(&["tag", "codalab/server:1.7.5", "codalab/frontend:1.7.5"]);
        });
        threads.spawn(|| server.import(&tar("mysql"), "mysql:5.5.53", &[]));
        threads.spawn(|| {
            let starts = [r#"CMD ["nginx", "-g", "daemon off;"]"#];
            server.import(&tar("nginx"), "nginx:1.12.0", &starts);
        });
        threads.spawn(|| {
            let worker = town.host(WORKER).engine();
            worker.import(&tar("codalab"), "codalab/worker:1.7.5", &[]);
        });
    });
}
