#!/bin/sh
# As the mysql image does: makes users from variables on an empty data folder only. `echo` is built into
# the shell, so no password is an argument.
set -eu
quoted() { printf "'%s'" "$(echo "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g")"; }
if [ ! -d /var/lib/mysql/mysql ]; then
    chown mysql /var/lib/mysql
    cd /usr/share/mysql
    {
        printf 'create database mysql;\nuse mysql;\n'
        cat mysql_system_tables.sql mysql_performance_tables.sql mysql_system_tables_data.sql
        echo "flush privileges;"
        echo "create database $MYSQL_DATABASE;"
        echo "create user '$MYSQL_USER'@'%' identified by $(quoted "$MYSQL_PASSWORD");"
        echo "grant all on $MYSQL_DATABASE.* to '$MYSQL_USER'@'%';"
        echo "create user 'root'@'%' identified by $(quoted "$MYSQL_ROOT_PASSWORD");"
        echo "grant all on *.* to 'root'@'%' with grant option;"
    } | mysqld --no-defaults --bootstrap --user=mysql --datadir=/var/lib/mysql --log-warnings=0 \
        --enforce-storage-engine= --innodb-buffer-pool-size=16M
fi
program=$1
shift
exec "$program" --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/tmp/s --skip-name-resolve \
    --performance-schema=OFF --innodb-buffer-pool-size=16M "$@"
