-- A role that owns nothing but its database's schema, and a schema other than public. Run as the database's administrator.
CREATE ROLE switchboard LOGIN PASSWORD '…' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE switchboard OWNER switchboard TEMPLATE template0 ENCODING 'UTF8';
\connect switchboard
CREATE SCHEMA switchboard AUTHORIZATION switchboard;
ALTER ROLE switchboard IN DATABASE switchboard SET search_path = switchboard;
