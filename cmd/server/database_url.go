package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// encodeHint says what to do with a password that breaks its URL.
const encodeHint = "want postgres://user:password@host:5432/database, where : / ? # [ ] @ and % in the user's name and the password must be percent-encoded, for example %23 for #" //nolint:gosec // G101: an example

var (
	schemeForm  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]{0,30}://`)
	keyWordForm = regexp.MustCompile(`^\s*[a-z_]+\s*=`)
	keyWords    = regexp.MustCompile(`([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']*)`)
)

// wrongDatabaseURL says what is wrong with the address of a database, without anything of its value but the names of parameters. "" when nothing is.
func wrongDatabaseURL(value string) string {
	scheme := schemeForm.FindString(value)
	switch {
	case scheme == "postgres://" || scheme == "postgresql://":
		return wrongPostgresURL(value)
	case scheme != "":
		return fmt.Sprintf("it begins with %s; want postgres://user:password@host:5432/database", scheme)
	case !keyWordForm.MatchString(value):
		return "it is neither a URL nor a list of names and values; want an address such as postgres://user:password@host:5432/database"
	}
	if _, err := pgxpool.ParseConfig(value); err == nil {
		return ""
	}
	for _, pair := range keyWords.FindAllStringSubmatch(value, 50) {
		// Without its host the rest may not be looked at.
		if _, err := pgxpool.ParseConfig(strings.Replace(value, pair[0], "", 1)); err == nil && pair[1] != "host" {
			return fmt.Sprintf("its parameter %s has a value that it cannot have; want another", pair[1])
		}
	}
	return "its names and values cannot be read: put a value with spaces or quotation marks between single quotation marks, with a backslash before each inside"
}

func wrongPostgresURL(value string) string {
	u, err := url.Parse(value)
	switch {
	case err != nil && strings.Contains(err.Error(), "invalid port"):
		return "what stands behind the colon of its host is no port; " + encodeHint
	case err != nil && strings.Contains(err.Error(), "invalid URL escape"):
		return "it has a % that begins no escape such as %25; " + encodeHint
	case err != nil:
		return "it cannot be read as a URL; " + encodeHint
	case u.Fragment != "" || strings.Contains(u.Path, "@") || u.User == nil && strings.Contains(u.RawQuery, "@"):
		return "its password seems to be cut in two; " + encodeHint
	}
	if _, err := pgxpool.ParseConfig(value); err == nil {
		return ""
	}
	query := u.Query()
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		without := u.Query()
		without.Del(name)
		u.RawQuery = without.Encode()
		if _, err := pgxpool.ParseConfig(u.String()); err == nil {
			return fmt.Sprintf("its parameter %s has a value that it cannot have; want another", name)
		}
	}
	return "its host, port, database or parameters cannot be read; want an address such as postgres://user:password@host:5432/database"
}
