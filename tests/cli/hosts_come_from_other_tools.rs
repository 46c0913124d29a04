//! Hosts out of `az vm list -d -o json` and of Ansible's inventories, which Ansible itself reads the same.

use std::collections::BTreeSet;
use std::fs;

use clws::fleet::inventory::{Listed, read};
use serde_json::Value;

use crate::support::lab::Lab;
use crate::support::tool::{run, said};

/// As `az vm list -d -o json` prints two machines of Azure, shortened where nothing is read.
const AZ: &str = r#"[
  {
    "additionalCapabilities": null,
    "fqdns": "",
    "hardwareProfile": { "vmSize": "Standard_D4s_v3", "vmSizeProperties": null },
    "id": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/CODALAB/providers/Microsoft.Compute/virtualMachines/vm-clws-prod-server-0",
    "location": "westeurope",
    "macAddresses": "00-0D-3A-00-00-01",
    "name": "vm-clws-prod-server-0",
    "networkProfile": { "networkInterfaces": [ { "id": "…/nic-0", "primary": null } ] },
    "osProfile": {
      "adminPassword": null,
      "adminUsername": "azureuser",
      "computerName": "vm-clws-prod-server-0",
      "linuxConfiguration": { "disablePasswordAuthentication": true, "ssh": { "publicKeys": [] } },
      "windowsConfiguration": null
    },
    "powerState": "VM running",
    "privateIps": "10.1.0.4,10.1.0.5",
    "provisioningState": "Succeeded",
    "publicIps": "20.50.0.4",
    "resourceGroup": "CODALAB",
    "storageProfile": { "dataDisks": [], "osDisk": { "osType": "Linux", "name": "disk-0" } },
    "tags": { "owner": "codalab" },
    "type": "Microsoft.Compute/virtualMachines",
    "zones": null
  },
  {
    "fqdns": "",
    "name": "vm-clws-prod-mysql-0",
    "osProfile": { "adminUsername": "azureuser", "computerName": "vm-clws-prod-mysql-0" },
    "powerState": "VM deallocated",
    "privateIps": "10.1.0.6",
    "publicIps": "",
    "storageProfile": { "osDisk": { "osType": "Linux" } }
  },
  {
    "name": "WIN-1", "privateIps": "10.1.0.9", "publicIps": null, "osProfile": null,
    "storageProfile": { "osDisk": { "osType": "Windows" } }
  }
]"#;

const INI: &str = r#"# hosts of the team
mail.example.org ansible_user="post master"   # a comment

[prod]
vm-clws-prod-web-[00:02] ansible_user=deploy
alpha-[a:c].example.org:2222

[server]
vm-clws-prod-web-01 ansible_host=10.2.0.1 ansible_port='2201'
alpha-a.example.org

[prod_server:children]
server

[behind]
inner ansible_host=192.168.0.9
other ansible_host=192.168.0.10 ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p -q -p 2200 hop@mail.example.org"'

[behind:vars]
ansible_ssh_common_args='-o StrictHostKeyChecking=yes -o ProxyJump=ada@alpha-a.example.org:2222'
ansible_user = "root"
some_other = {'a': 1}

[far:children]
behind

[far:vars]
ansible_port=2020
ansible_user=nobody

[all:vars]
ansible_user=everybody
"#;

const YAML: &str = r#"---
all:
  vars:
    ansible_user: everybody
  hosts:
    mail.example.org:
      ansible_user: post master
  children:
    prod:
      hosts:
        vm-clws-prod-web-[00:02]:
          ansible_user: deploy
        alpha-[a:c].example.org:2222:
    prod_server:
      children:
        server:
          hosts:
            vm-clws-prod-web-01:
              ansible_host: 10.2.0.1
              ansible_port: 2201
            alpha-a.example.org: ~
    far:
      vars: {ansible_port: 2020, ansible_user: nobody}
      children:
        behind:
          hosts:
            inner: {ansible_host: 192.168.0.9, list: [1, 2], flag: yes}
            other:
              ansible_host: 192.168.0.10
              ansible_ssh_common_args: >-
                -o ProxyCommand="ssh -W %h:%p -q -p 2200 hop@mail.example.org"
          vars:
            ansible_ssh_common_args: -o StrictHostKeyChecking=yes -J ada@alpha-a.example.org:2222
            ansible_user: root
    empty:
"#;

fn one<'l>(listed: &'l [Listed], name: &str) -> &'l Listed {
    listed.iter().find(|host| host.name == name).unwrap()
}

#[test]
fn ansible_reads_its_inventories_the_same() {
    for (name, text) in [("hosts.ini", INI), ("hosts.yml", YAML)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let words = ["-i", file.to_str().unwrap(), "--list"];
        let output = run("ansible-inventory", words, b"");
        assert!(output.status.success(), "{}", said(&output));
        let judged: Value = serde_json::from_slice(&output.stdout).unwrap();
        let listed = read(text).unwrap();

        let variables = judged["_meta"]["hostvars"].as_object().unwrap();
        let names: BTreeSet<&str> = listed.iter().map(|host| host.name.as_str()).collect();
        let theirs: BTreeSet<&str> = variables.keys().map(String::as_str).collect();
        assert_eq!(names, theirs, "{name}");
        for (host, variables) in variables {
            let ours = one(&listed, host);
            let text = |key: &str| match &variables[key] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            let address = text("ansible_host").or_else(|| Some(host.clone()));
            assert_eq!(ours.address, address, "{name} {host}");
            let port = ours.port.map(|port| port.to_string());
            assert_eq!(port, text("ansible_port"), "{name} {host}");
            assert_eq!(ours.user, text("ansible_user"), "{name} {host}");
            let has_jump = text("ansible_ssh_common_args").is_some();
            assert_eq!(ours.jump.is_some(), has_jump, "{name} {host}");
            assert_eq!(ours.groups, groups(&judged, host), "{name} {host}");
        }
        let jump = one(&listed, "inner").jump.clone().unwrap();
        let place = (jump.user.as_deref(), jump.host.as_str(), jump.port);
        assert_eq!(place, (Some("ada"), "alpha-a.example.org", Some(2222)));
        let jump = one(&listed, "other").jump.clone().unwrap();
        let place = (jump.user.as_deref(), jump.host.as_str(), jump.port);
        assert_eq!(place, (Some("hop"), "mail.example.org", Some(2200)));
    }
}

/// The groups that Ansible has a host in, besides those that all are in.
fn groups(judged: &Value, host: &str) -> BTreeSet<String> {
    fn holds(judged: &Value, group: &str, host: &str) -> bool {
        let list = |key: &str| judged[group][key].as_array().cloned().unwrap_or_default();
        list("hosts").iter().any(|name| name == host)
            || list("children")
                .iter()
                .any(|child| holds(judged, child.as_str().unwrap(), host))
    }
    let all = judged.as_object().unwrap().keys();
    all.filter(|group| !["_meta", "all", "ungrouped"].contains(&group.as_str()))
        .filter(|group| holds(judged, group, host))
        .cloned()
        .collect()
}

#[test]
fn an_import_is_planned_first_and_signed_at_once() {
    let lab = Lab::new();
    let file = lab.root().join("hosts.ini");
    fs::write(&file, INI).unwrap();
    let words = format!(
        "host import {} --scope prod --machine-type worker",
        file.display()
    );
    let plan = lab.clws(&format!("{words} --dry-run")).succeeds();
    assert!(plan.text().contains("lacks host keys"), "{}", plan.text());
    let list = |lab: &Lab| lab.clws("host list --json").succeeds().json()["hosts"].clone();
    assert_eq!(list(&lab), serde_json::json!([]));
    lab.clws(&words).exits(15);

    let before = lab.clws("trust show --json").succeeds().json();
    let report = lab.clws(&format!("{words} --yes --json")).succeeds().json();
    let hosts = report["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 9);
    assert!(
        hosts.iter().all(|host| host["becomes"] == "new"),
        "{report:#}"
    );
    let after = lab.clws("trust show --json").succeeds().json();
    let version = |shown: &Value| shown["version"].as_u64().unwrap();
    assert_eq!(version(&after), version(&before) + 1);

    let hosts = list(&lab);
    let host = |name: &str| {
        let all = hosts.as_array().unwrap();
        all.iter()
            .find(|host| host["name"] == name)
            .unwrap()
            .clone()
    };
    let web = host("vm-clws-prod-web-01");
    assert_eq!(
        (&web["address"], &web["port"]),
        (&"10.2.0.1".into(), &2201.into())
    );
    assert_eq!(
        (&web["scope"], &web["machine_type"]),
        (&"prod".into(), &"web".into())
    );
    // Its groups say what its name does not.
    let alpha = host("alpha-a");
    assert_eq!(
        (&alpha["scope"], &alpha["machine_type"]),
        (&"prod".into(), &"server".into())
    );
    assert_eq!(alpha["address"], "alpha-a.example.org");
    let mail = host("mail");
    assert_eq!(
        (&mail["scope"], &mail["machine_type"]),
        (&"prod".into(), &"worker".into())
    );
    // The jump host goes by the name that it has in the vault.
    assert_eq!(
        (&host("inner")["jump"], &host("other")["jump"]),
        (&"alpha-a".into(), &"mail".into())
    );

    // Host keys stay, whatever the file says; the same file changes nothing.
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let party = lab.vault().join("recipients/inner.toml");
    let text = fs::read_to_string(&party).unwrap();
    let tables = format!("[hostkey.main]\nkey = \"{key}\"\n\n[end]");
    fs::write(&party, text.replace("[end]", &tables)).unwrap();
    lab.clws("trust sign --yes").succeeds();
    let again = lab.clws(&format!("{words} --yes --json")).succeeds().json();
    let hosts = again["hosts"].as_array().unwrap();
    assert!(
        hosts.iter().all(|host| host["becomes"] == "same"),
        "{again:#}"
    );
    fs::write(&file, INI.replace("192.168.0.9", "192.168.0.99")).unwrap();
    let ran = lab.clws(&format!("{words} --yes")).succeeds();
    assert!(
        ran.text().contains("address 192.168.0.9 → 192.168.0.99"),
        "{}",
        ran.text()
    );
    let text = fs::read_to_string(&party).unwrap();
    assert!(
        text.contains(key) && text.contains("192.168.0.99"),
        "{text}"
    );
}

#[test]
fn machines_of_azure_become_hosts() {
    let lab = Lab::new();
    let ran = lab
        .clws("host import - --yes --json")
        .stdin(AZ.as_bytes())
        .succeeds()
        .json();
    let hosts = ran["hosts"].as_array().unwrap();
    assert_eq!(hosts[0]["what"], "azureuser@20.50.0.4");
    // Without a public address its own is all there is.
    assert_eq!(hosts[1]["what"], "azureuser@10.1.0.6");
    assert_eq!(
        (&hosts[2]["becomes"], &hosts[2]["what"]),
        (&"left out".into(), &"it runs Windows".into())
    );
    let ran = lab
        .clws("host import - --yes --private")
        .stdin(AZ.as_bytes())
        .succeeds();
    assert!(
        ran.text().contains("address 20.50.0.4 → 10.1.0.4"),
        "{}",
        ran.text()
    );
    let shown = lab
        .clws("host show vm-clws-prod-server-0")
        .succeeds()
        .text();
    assert!(
        shown.contains("azureuser@10.1.0.4") && shown.contains("clws host scan"),
        "{shown}"
    );
}

#[test]
fn what_is_odd_in_a_list_is_named() {
    let lab = Lab::new().people(&["ben"]);
    let text = "[web]\n10.0.0.7\nben\nx_y.example.org ansible_host=\"{{ vault_address }}\"\n\
                box ansible_connection=docker\nhere ansible_connection=local\nx_y.example.net\n\
                far ansible_ssh_common_args='-o ProxyCommand=\"nc -x proxy %h %p\"'\n\
                near ansible_ssh_common_args='-J unknown.example.org'\n";
    let report = lab
        .clws("host import - --dry-run --json")
        .stdin(text.as_bytes())
        .succeeds()
        .json();
    let said = report.to_string();
    for part in [
        "a number is no name",
        "ben is a party that is no host",
        "ansible_host (a template says it)",
        "it is reached by docker and not by ssh",
        "another one would be x_y too",
        "its arguments for ssh are not plain",
        "the jump host unknown.example.org, which is no host of this vault",
        "a scope",
    ] {
        assert!(said.contains(part), "`{part}` is not in {report:#}");
    }
    for (text, why) in [
        ("", "no host stands in it"),
        ("{\"a\": 1}", "JSON of `az vm list`"),
        ("[web]\nx y\n", "a word that sets nothing in line 2"),
        ("[web\n", "a range without an end in line 1"),
        (
            "[web:other]\n",
            "a section that Ansible does not have in line 1",
        ),
        ("web[1:99999999]\n", "a range of more than 10,000 hosts"),
        ("web[3:1]\n", "a range that is none"),
        (
            "all:\n  hosts: [a, b]\n",
            "`hosts` of a group is no mapping",
        ),
        ("all:\n  hosts: *x\n", "it does not read as YAML in line 2"),
    ] {
        let ran = lab
            .clws("host import - --yes")
            .stdin(text.as_bytes())
            .exits(10);
        assert!(ran.err.contains(why), "{text}: {}", ran.err);
    }
}

/// Whoever gives a host its address in a list of somebody else's has nothing deployed to the machine that deploys.
#[test]
fn no_address_is_this_machine_and_no_address_or_user_more_than_a_word() {
    let lab = Lab::new();
    let inventory = lab.home("ada").join("inventory.ini");
    let text = "local\na ansible_host=local\nb ansible_connection=local\nc ansible_host='x$(id)'\n\
                d ansible_host=-oProxyCommand=id\ne ansible_host=fd00::4 ansible_user=deploy@corp\n\
                g ansible_host=10.0.0.7 ansible_user='ada; rm -rf'\n";
    std::fs::write(&inventory, text).unwrap();
    let az = lab.home("ada").join("az.json");
    let machine = r#"[{"name": "f", "publicIps": "local", "privateIps": "10.0.0.9"}]"#;
    std::fs::write(&az, machine).unwrap();
    let import = |file: &std::path::Path| {
        let words = format!("host import {} --yes", file.display());
        lab.clws(&words).succeeds()
    };
    let taken = import(&inventory);
    assert!(taken.text().contains("an address (`local` is none)"));
    assert!(taken.text().contains("an address (`x$(id)` is none)"));
    assert!(taken.text().contains("a user (`ada; rm -rf` is none)"));
    import(&az);
    let party = |name: &str| {
        let file = lab.vault().join(format!("recipients/{name}.toml"));
        let text = std::fs::read_to_string(file).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.retain(|line| line.starts_with("address") || line.starts_with("user"));
        lines.join(" ")
    };
    for (name, said) in [
        ("local", ""),
        ("a", ""),
        ("b", "address = \"local\""),
        ("c", ""),
        ("d", ""),
        ("e", "address = \"fd00::4\" user = \"deploy@corp\""),
        ("f", ""),
        ("g", "address = \"10.0.0.7\""),
    ] {
        assert_eq!(party(name), said, "{name}");
    }
}
