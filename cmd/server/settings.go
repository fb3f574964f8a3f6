package main

// settings are the variables as they were given, before anybody looked at them. The tags are the only list of them: names of flags
// and variables, defaults (note stands for one that is no text), and what help says.
type settings struct {
	DatabaseURL        string `name:"database-url" variable:"DATABASE_URL" secret:"yes" note:"a private PostgreSQL below DATA_DIR" help:"any PostgreSQL 15 or newer; several hosts allowed"`
	DatabaseDirectURL  string `name:"database-direct-url" variable:"DATABASE_DIRECT_URL" secret:"yes" note:"DATABASE_URL" help:"the same database past the pooler, where DATABASE_URL leads through one that keeps no sessions (PgBouncer in transaction mode)"`
	DatabaseMaxConns   string `name:"database-max-conns" variable:"DATABASE_MAX_CONNS" note:"pool_max_conns of DATABASE_URL, else 24, or fewer where the database allows fewer" help:"connections in the pool, at least 3; up to 7 more listen and hold locks"`
	DataDir            string `name:"data-dir" variable:"DATA_DIR" default:".data" help:"private database, generated keys and credentials"`
	ConsoleAddr        string `name:"console-addr" variable:"CONSOLE_ADDR" default:"127.0.0.1:8080" help:"where people are served; port 0 picks a free one"`
	ReceiverAddr       string `name:"receiver-addr" variable:"RECEIVER_ADDR" default:"127.0.0.1:8081" help:"where Cybersource delivers"`
	SandboxAddr        string `name:"sandbox-addr" variable:"SANDBOX_ADDR" default:"127.0.0.1:8082" help:"the built-in stand-in for Cybersource; only in the environment sandbox"`
	OpsAddr            string `name:"ops-addr" variable:"OPS_ADDR" default:"127.0.0.1:8083" help:"/livez, /readyz and /metrics"`
	ConsoleURL         string `name:"console-url" variable:"CONSOLE_URL" note:"from CONSOLE_ADDR" help:"the console as browsers see it"`
	ReceiverURL        string `name:"receiver-url" variable:"RECEIVER_URL" note:"from RECEIVER_ADDR" help:"the receiver as Cybersource sees it"`
	CybsEnvironment    string `name:"cybs-environment" variable:"CYBS_ENVIRONMENT" default:"sandbox" help:"sandbox, test, production or production-india"`
	CybsBaseURL        string `name:"cybs-base-url" variable:"CYBS_BASE_URL" note:"from CYBS_ENVIRONMENT" help:"another host for Cybersource's API"`
	SandboxCredentials string `name:"sandbox-credentials" variable:"SANDBOX_CREDENTIALS" note:"made and kept in DATA_DIR" help:"JSON file with the sandbox's organizations and their keys"`
	AdminEmail         string `name:"admin-email" variable:"ADMIN_EMAIL" note:"a one-time link is printed" help:"first administrator, made when nobody exists; later changes are made in the console, or by server admin reset"`
	AdminPassword      string `name:"admin-password" variable:"ADMIN_PASSWORD" secret:"password" note:"a one-time link is printed" help:"the first administrator's password"`
	EncryptionKey      string `name:"encryption-key" variable:"ENCRYPTION_KEY" secret:"yes" note:"made in DATA_DIR for the private database, else required" help:"32 bytes in base64; a comma-separated list, newest first, rotates"`
	ReceiverTLSCert    string `name:"receiver-tls-cert" variable:"RECEIVER_TLS_CERT" note:"no TLS of its own" help:"PEM file with the receiver's certificate chain; renewed files are taken over while it runs"`
	ReceiverTLSKey     string `name:"receiver-tls-key" variable:"RECEIVER_TLS_KEY" note:"no TLS of its own" help:"PEM file with the private key of RECEIVER_TLS_CERT"`
	ReceiverClientCA   string `name:"receiver-client-ca" variable:"RECEIVER_CLIENT_CA" note:"none" help:"PEM file with the authorities of client certificates, for endpoints that demand one"`
	ReceiverAllow      string `name:"receiver-allow" variable:"RECEIVER_ALLOW" note:"everybody" help:"comma-separated addresses or networks that may deliver; cybersource stands for Cybersource's published ones"`
	TrustedProxies     string `name:"trusted-proxies" variable:"TRUSTED_PROXIES" note:"none" help:"comma-separated addresses or networks whose X-Forwarded-For counts"`
	OutboundAllow      string `name:"outbound-allow" variable:"OUTBOUND_ALLOW" note:"public addresses alone" help:"comma-separated addresses or networks inside that token issuers may have; loopback, private and link-local ones are asked only when they are named here"`
	RetentionDays      string `name:"retention-days" variable:"RETENTION_DAYS" default:"90" help:"how long deliveries and notifications are kept, at least 14; they go by whole weeks; 0 keeps them for ever"`
	KeepSecurityCodes  string `name:"keep-security-codes" variable:"KEEP_SECURITY_CODES" default:"no" help:"yes or no: whether security codes and magnetic stripe data are stored; yes only in the environment sandbox, whose cards are invented"`
	PgBinDir           string `name:"pg-bin-dir" variable:"PG_BIN_DIR" note:"searched for" help:"where postgres and initdb are"`
	PgInstall          string `name:"pg-install" variable:"PG_INSTALL" default:"yes" help:"yes or no: whether PostgreSQL's programs may be installed or fetched when they are missing"`
	LogLevel           string `name:"log-level" variable:"LOG_LEVEL" default:"info" help:"debug, info, warn or error"`
	LogFormat          string `name:"log-format" variable:"LOG_FORMAT" note:"text on a terminal, else json" help:"text or json"`
}
