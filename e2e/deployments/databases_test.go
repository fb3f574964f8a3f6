package deployments

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store/storetest"
	"github.com/switchboardhq/switchboard/views/paths"
)

const rolePassword = "for-this-test-alone"

// database is an empty database of a role of its own.
type database struct {
	host, port string
	name, role string
	admin      *pgx.Conn // of the administrator, in another database
	adminURL   string
}

// newDatabase makes a role with options and settings such as CONNECTION LIMIT 10, and a database that belongs to it.
func newDatabase(t *testing.T, options string) *database {
	t.Helper()
	admin := storetest.Database(t)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	name := "deployed_" + strings.ToLower(rand.Text())
	d := &database{host: conn.Config().Host, port: fmt.Sprint(conn.Config().Port), name: name, role: name, admin: conn, adminURL: admin}
	d.exec(t, "CREATE ROLE "+d.role+" LOGIN NOSUPERUSER PASSWORD '"+rolePassword+"' "+options)
	d.exec(t, "CREATE DATABASE "+d.name+" OWNER "+d.role+" TEMPLATE template0 ENCODING 'UTF8'")
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, sql := range []string{"DROP DATABASE " + d.name + " WITH (FORCE)", "DROP ROLE " + d.role} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		_ = conn.Close(ctx) // nothing is lost
	})
	return d
}

func (d *database) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := d.admin.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// url is the database without a pooler. more are parameters.
func (d *database) url(more ...string) string {
	query := url.Values{"host": {d.host}, "port": {d.port}}.Encode()
	return "postgres://" + d.role + ":" + rolePassword + "@/" + d.name + "?" + strings.Join(append([]string{query}, more...), "&")
}

// startPgBouncer starts one with a configuration of docs/deploying before the database and returns the URL through it.
func startPgBouncer(t *testing.T, d *database, file string, replace ...string) string {
	t.Helper()
	dir, credential := openDir(t), ownerOf(t, d.host)
	address := freeAddress(t)
	users := filepath.Join(dir, "userlist.txt")
	if err := os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", d.role, rolePassword), 0o644); err != nil {
		t.Fatal(err)
	}
	config := configuration(t, dir, file, append([]string{
		"host=10.0.0.6", "host=" + d.host, "port=5432", "port=" + d.port, "dbname=switchboard", "dbname=" + d.name,
		"listen_port = 6432", "listen_port = " + portOf(t, address), "/etc/pgbouncer/userlist.txt", users,
	}, replace...)...)
	p := startProcess(t, credential, nil, pathOf(t, "pgbouncer"), config)
	p.listening(t, address)
	return "postgres://" + d.role + ":" + rolePassword + "@" + address + "/switchboard"
}

// pathOf finds a program of the system's administrator, whose folder is not in everybody's PATH.
func pathOf(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := exec.LookPath("/usr/sbin/" + name)
	if err != nil {
		t.Fatalf("%s is missing: scripts/need %s installs it", name, name)
	}
	return path
}

// openDir is a temporary folder that other accounts can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "switchboard-deployment-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder left in the temporary one harms nobody
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ownerOf is the account that may enter the folder of a socket: PgBouncer does not run as root. Nil for ourselves.
func ownerOf(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return nil // a host name, or an ordinary user
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

func TestPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	pooled := startPgBouncer(t, d, "pgbouncer-transaction.ini")
	p := startServer(t, "DATABASE_URL="+pooled, "DATABASE_DIRECT_URL="+d.url())
	browser := story(t, p, "http://"+p.console, &http.Transport{})
	manyPages(t, browser.Cookie("switchboard_session"), p)
	noServerErrors(t, p)
}

// Servers of a pooler are shared, so a second program must not stumble over what the first one left on them.
func TestPgBouncerInTransactionModeTwice(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	pooled := startPgBouncer(t, d, "pgbouncer-transaction.ini", "default_pool_size = 20", "default_pool_size = 2")
	for _, mode := range []string{"", "?default_query_exec_mode=exec", "?default_query_exec_mode=simple_protocol", "?default_query_exec_mode=describe_exec", "?pool_max_conns=6"} {
		p := startServer(t, "DATABASE_URL="+pooled+mode, "DATABASE_DIRECT_URL="+d.url())
		browser := signIn(t, "http://"+p.console, &http.Transport{})
		manyPages(t, browser.Cookie("switchboard_session"), p)
		noServerErrors(t, p)
		p.stop(t)
	}
}

func TestPgBouncerInTransactionModeAloneIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	for _, size := range []string{"1", "20"} {
		for _, robin := range []string{"0", "1"} {
			pooled := startPgBouncer(t, d, "pgbouncer-transaction.ini", "default_pool_size = 20", "default_pool_size = "+size+"\nserver_round_robin = "+robin)
			said := refusal(t, "DATABASE_URL="+pooled)
			if !strings.Contains(said, "transaction mode") || !strings.Contains(said, "DATABASE_DIRECT_URL") || strings.Count(strings.TrimSpace(said), "\n") > 0 {
				t.Errorf("pool of %s, round robin %s: %q, want one sentence that names the mode and the variable", size, robin, said)
			}
			if said := refusal(t, "DATABASE_URL="+d.url(), "DATABASE_DIRECT_URL="+pooled); !strings.Contains(said, "DATABASE_DIRECT_URL") || !strings.Contains(said, "the database itself") {
				t.Errorf("a pooler as direct URL: %q", said)
			}
		}
	}
}

func TestStatementPoolingIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	pooled := startPgBouncer(t, d, "pgbouncer-transaction.ini", "pool_mode = transaction", "pool_mode = statement")
	if said := refusal(t, "DATABASE_URL="+pooled); !strings.Contains(said, "DATABASE_URL") {
		t.Errorf("statement pooling: %q, want a sentence that names the variable", said)
	}
}

func TestDirectURLOfAnotherDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	d, other := newDatabase(t, ""), newDatabase(t, "")
	pooled := startPgBouncer(t, d, "pgbouncer-transaction.ini")
	if said := refusal(t, "DATABASE_URL="+pooled, "DATABASE_DIRECT_URL="+other.url()); !strings.Contains(said, "two databases") {
		t.Errorf("another database: %q", said)
	}
}

func TestPgBouncerInSessionMode(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	pooled := startPgBouncer(t, d, "pgbouncer-session.ini")
	p := startServer(t, "DATABASE_URL="+pooled, "DATABASE_MAX_CONNS=12")
	browser := story(t, p, "http://"+p.console, &http.Transport{})
	manyPages(t, browser.Cookie("switchboard_session"), p)
	noServerErrors(t, p)
}

func TestRoleWithFewConnections(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"8", "10"} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, "CONNECTION LIMIT "+limit)
			p := startServer(t, "DATABASE_URL="+d.url())
			browser := story(t, p, "http://"+p.console, &http.Transport{})
			manyPages(t, browser.Cookie("switchboard_session"), p)
			noServerErrors(t, p)
		})
	}
}

// The limit is lowered, and connections of others count, while the program runs.
func TestFewerConnectionsWhileRunning(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	p := startServer(t, "DATABASE_URL="+d.url("pool_max_conns=20"))
	d.exec(t, "ALTER ROLE "+d.role+" CONNECTION LIMIT 9")
	browser := story(t, p, "http://"+p.console, &http.Transport{})
	manyPages(t, browser.Cookie("switchboard_session"), p)
}

func TestRoleWithTooFewConnectionsIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "CONNECTION LIMIT 4")
	if said := refusal(t, "DATABASE_URL="+d.url()); !strings.Contains(said, "allows 4 connections") {
		t.Errorf("4 connections: %q", said)
	}
}

func TestRoleWithASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	config, err := pgx.ParseConfig(d.adminURL)
	if err != nil {
		t.Fatal(err)
	}
	config.Database = d.name
	inside, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inside.Close(context.WithoutCancel(t.Context())) }) // nothing is lost
	script, err := os.ReadFile(filepath.Join("..", "..", "docs", "deploying", "role.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(script), "switchboard", d.role)) {
		if strings.HasPrefix(line, "CREATE SCHEMA") || strings.HasPrefix(line, "ALTER ROLE") { // role and database are there
			if _, err := inside.Exec(t.Context(), line); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	p := startServer(t, "DATABASE_URL="+d.url())
	story(t, p, "http://"+p.console, &http.Transport{})
	noServerErrors(t, p)
	var elsewhere int
	if err := inside.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&elsewhere); err != nil || elsewhere != 0 {
		t.Errorf("%d tables are in the schema public, %v; want none", elsewhere, err)
	}
}

func TestRoleWithOddSettings(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"time zone":       {"TimeZone = 'Asia/Kathmandu'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'"},
		"far west":        {"TimeZone = 'Pacific/Marquesas'", "DateStyle = 'German'", "extra_float_digits = -15", "bytea_output = 'escape'"},
		"client encoding": {"client_encoding = 'LATIN1'", "standard_conforming_strings = off", "default_transaction_isolation = 'repeatable read'"},
		"bounds":          {"statement_timeout = '10s'", "lock_timeout = '5s'", "idle_in_transaction_session_timeout = '20s'", "synchronous_commit = off", "jit = on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, "")
			for _, setting := range settings {
				d.exec(t, "ALTER ROLE "+d.role+" SET "+setting)
			}
			p := startServer(t, "DATABASE_URL="+d.url())
			story(t, p, "http://"+p.console, &http.Transport{})
			noServerErrors(t, p)
		})
	}
}

// manyPages asks for more pages at a time than there are connections; none may fail.
func manyPages(t *testing.T, session string, p *program) {
	t.Helper()
	const workers, each = 24, 6
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range each {
				path := []string{paths.Notifications, paths.Overview, paths.Subscriptions}[i%3]
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.console+path, http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				req.AddCookie(&http.Cookie{Name: "switchboard_session", Value: session}) //nolint:gosec // sent, not set
				res, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				if closeErr := res.Body.Close(); err != nil || closeErr != nil || res.StatusCode != http.StatusOK {
					t.Errorf("GET %s answered %d, %v", path, res.StatusCode, err)
				}
			}
		})
	}
	all.Wait()
}

// noServerErrors looks into the program's log.
func noServerErrors(t *testing.T, p *program) {
	t.Helper()
	for line := range strings.Lines(p.output.String()) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "level=ERROR") || strings.Contains(line, "42P05") || strings.Contains(line, "26000") {
			t.Errorf("the log has %s", line)
		}
	}
}
