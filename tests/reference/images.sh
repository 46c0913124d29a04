# Packs what stands in for the images of the reference: this machine's MariaDB, nginx and Python with what
# they are linked to, busybox, and the programs beside this file. There is no registry to pull from.
#
# Arguments: the folder of this file, the folder for mysql.tar, nginx.tar and codalab.tar, the certificate
# that clients trust.
set -eu
here=$1 out=$2 trusted=$3

# copies FILE and its libraries below $root, under its own path
brings() {
    for file in "$@" $(ldd "$@" 2>/dev/null | sed -n 's|.* => \(/[^ ]*\).*|\1|p; s|^[[:space:]]*\(/[^ ]*\) (.*|\1|p' | sort -u); do
        mkdir -p "$root${file%/*}"
        [ -e "$root$file" ] || cp -L "$file" "$root$file"
    done
}

base() {
    root=$out/$1
    mkdir -p "$root/bin" "$root/etc" "$root/run" "$root/usr/local/bin"
    mkdir -m 1777 "$root/tmp"
    cp /bin/busybox "$root/bin/busybox"
    for tool in sh cat sleep printf sed mkdir chown env; do
        ln -s busybox "$root/bin/$tool"
    done
    printf 'root:x:0:0::/root:/bin/sh\nmysql:x:999:999::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\nmysql:x:999:\nnogroup:x:65534:\nnobody:x:65533:\n' >"$root/etc/group"
}

packed() {
    tar --owner=0 --group=0 --numeric-owner -cf "$root.tar" -C "$root" .
    rm -rf "$root"
}

base mysql
brings /usr/sbin/mariadbd
mkdir -p "$root/usr/share/mysql/english" "$root/var/lib/mysql" "$root/usr/lib/mysql/plugin"
mv "$root/usr/sbin/mariadbd" "$root/usr/sbin/mysqld"
cp /usr/share/mysql/mysql_system_tables.sql /usr/share/mysql/mysql_performance_tables.sql \
    /usr/share/mysql/mysql_system_tables_data.sql "$root/usr/share/mysql"
cp /usr/share/mysql/english/errmsg.sys "$root/usr/share/mysql/english"
cp -r /usr/share/mysql/charsets "$root/usr/share/mysql"
install -m 0755 "$here/stand_in/docker-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
packed

base nginx
brings /usr/sbin/nginx
mkdir -p "$root/etc/nginx" "$root/var/log/nginx" "$root/var/lib/nginx"
packed

base codalab
# The interpreter, and of its library what the programs import.
brings /usr/bin/python3
modules=$(/usr/bin/python3 - "$here/stand_in/codalab.py" <<'END'
import importlib.util, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("stand_in", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
import encodings.ascii, encodings.idna, encodings.latin_1, encodings.utf_8, sysconfig
for module in list(sys.modules.values()):
    for name in ("__file__", "__cached__"):
        path = getattr(module, name, None)
        if path and path.startswith("/usr/lib/"):
            print(path)
END
)
for file in $modules; do
    [ ! -e "$file" ] || brings "$file"
done
mkdir -p "$root/opt/codalab-worksheets/scripts" "$root/usr/lib/ssl"
install -m 0644 "$trusted" "$root/usr/lib/ssl/cert.pem"
programs=$root/opt/codalab-worksheets
install -m 0755 "$here/stand_in/codalab.py" "$programs/codalab.py"
ln -s codalab.py "$programs/monitor.py"
ln -s ../codalab.py "$programs/scripts/create-root-user.py"
for name in alembic cl cl-server cl-ws-server cl-bundle-manager cl-worker cl-frontend; do
    ln -s /opt/codalab-worksheets/codalab.py "$root/usr/local/bin/$name"
done
packed
