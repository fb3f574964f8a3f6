package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const typedUUID = "0a1b2c3d-4e5f-6789-abcd-ef0123456789"

func TestWhatIsPastedInPlaceOfAnIDOrASecretIsNamed(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.As(store.RoleAdministrator)
	good := cybs.Secret(strings.Repeat("s", 32)).Base64()
	sum := sha256.Sum256([]byte("x"))
	der := append([]byte{0x30, 0x82, 0x01, 0x00}, make([]byte, 260)...)
	ids := map[string]string{
		"0a1b2c3d-4e5f-6789-abcd-\u200bef0123456789": "invisible character", "0a1b2c3d-4e5f-6789-abcd-ef01 23456789": "space", "keyId=" + typedUUID: "Leave out the name",
		"keyId: " + typedUUID: "Leave out the name", typedUUID[:35]: "lost or gained", typedUUID + "0": "lost or gained", strings.ReplaceAll(typedUUID, "-", ""): "lost or gained",
		hex.EncodeToString(sum[:]): "64 hexadecimal digits", good: "looks like a key", "-----BEGIN CERTIFICATE-----": "PEM", "https://x.example/" + typedUUID: "address", "a;b": "letters, digits",
		`{"keyId":"x"}`: "letters, digits", "": "Type the id",
	}
	secrets := map[string]string{
		hex.EncodeToString(sum[:]): "hexadecimal", strings.ToUpper(hex.EncodeToString(sum[:])): "hexadecimal", base64.StdEncoding.EncodeToString(der): "P12", typedUUID: "This is an id",
		"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----": "PEM", good[:40]: "not a whole secret", good[:20] + " " + good[20:]: "not a whole secret", good[:20] + "\u200b" + good[20:]: "invisible",
		cybs.Secret(strings.Repeat("s", 31)).Base64(): "31 bytes", cybs.Secret(strings.Repeat("s", 48)).Base64(): "48 bytes", "secret=" + good: "not a whole secret",
	}
	organization := func(change, value string) url.Values {
		v := url.Values{"name": {"New"}, "organization_id": {"new_org"}, "merchant_id": {"new_mid"}, "key_id": {typedUUID}, "secret": {good}}
		v.Set(change, value)
		return v
	}
	key := func(change, value string) url.Values {
		v := url.Values{"key_id": {typedUUID}, "secret": {good}, "state": {"current"}, "ends": {""}}
		v.Set(change, value)
		return v
	}
	for field, list := range map[string]map[string]string{"key_id": ids, "secret": secrets} {
		for value, want := range list {
			for where, page := range map[string]*webtest.Page{
				"organization": admin.Post(paths.Organizations, organization(field, value)), "key": admin.Post(paths.SignatureKeysOf(srv.Organization.ID), key(field, value)),
			} {
				page.Wants(http.StatusUnprocessableEntity)
				if !strings.Contains(page.ByTestID("error-summary").Text(), want) {
					t.Errorf("%s, %s %q: %q, want %q", where, field, value, page.ByTestID("error-summary").Text(), want)
				}
				if field == "secret" && strings.Contains(page.Body, value) && value != typedUUID {
					t.Errorf("%s: the secret is sent back", where)
				}
			}
		}
	}
	for _, field := range []string{"organization_id", "merchant_id"} {
		for _, value := range []string{"acme\u200borg", "acme org", typedUUID, "organizationId=acme", "merchant_id: acme", "ac/me"} {
			admin.Post(paths.Organizations, organization(field, value)).Wants(http.StatusUnprocessableEntity)
		}
	}
}

func TestOneIDIsTypedInManySpellings(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	admin := ct.As(store.RoleAdministrator)
	secret := cybs.Secret(strings.Repeat("s", 32))
	for i, typed := range []string{`"` + strings.ToUpper(typedUUID) + `"`, "urn:uuid:" + typedUUID, "{" + typedUUID + "}", "\ufeff" + typedUUID + "\u00a0"} {
		page := admin.Post(paths.SignatureKeysOf(ct.Organization.ID), url.Values{"key_id": {typed}, "secret": {` "` + secret.Base64() + "\" \n"}, "state": {"current"}, "ends": {""}})
		if i == 0 {
			page.Wants(http.StatusSeeOther)
		} else {
			page.Wants(http.StatusUnprocessableEntity).Says("has a key of this id already")
		}
	}
	keys, err := ct.Store.SignatureKeys(t.Context(), ct.Organization.ID)
	if err != nil || len(keys) != 1 || keys[0].KeyID != typedUUID || string(keys[0].Key) != string(secret) {
		t.Fatalf("keys: %+v, %v", keys, err)
	}
	for i, named := range []string{typedUUID, strings.ToUpper(typedUUID), "urn:uuid:" + typedUUID, "{" + typedUUID + "}"} {
		ct.answersUntil(cybs.Key{ID: named, Secret: secret}, 10*(i+1), http.StatusOK)
	}
	// A row of an earlier release has the spelling that was typed.
	upper := store.SignatureKey{OrganizationID: ct.Organization.ID, KeyID: "AAAAAAAA-4E5F-6789-ABCD-EF0123456789", Key: store.Secret(secret)}
	if _, err := ct.Store.InsertSignatureKey(t.Context(), upper); err != nil {
		t.Fatal(err)
	}
	ct.answersUntil(cybs.Key{ID: strings.ToLower(upper.KeyID), Secret: secret}, 100, http.StatusOK)
}

func TestSearchFindsAnIDInAnySpelling(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	const trace, object, later = "1B2C3D4E-0000-4000-8000-ABCDEF012345", "7030AABBCCDD4011BEEF", "2b2c3d4e-0000-4000-8000-abcdef012345"
	at := time.Now().Add(-time.Minute)
	d := a.delivery(at, `{"n":1}`, func(d *store.Delivery) { d.TraceID = trace })
	a.describe(d, func(described *store.Description) { described.ObjectID = object })
	other := a.delivery(at.Add(time.Second), `{"n":2}`, func(d *store.Delivery) { d.TraceID = later })
	a.keep(d, other)
	viewer := a.As(store.RoleViewer)
	for _, q := range []string{
		trace, strings.ToLower(trace), `"` + trace + `"`, "urn:uuid:" + trace, "{" + trace + "}", object, strings.ToLower(object), " " + object + "\u200b", strings.ToUpper(d.ID.String()), "{" + d.ID.String() + "}",
	} {
		page := viewer.Get(paths.With(paths.Notifications, "q", q)).Wants(http.StatusOK)
		if found := rows(page, "notification-row"); len(found) != 1 || found[0] != d.ID.String() {
			t.Errorf("search for %q finds %v, want %s", q, found, d.ID)
		}
	}
	if found := rows(viewer.Get(paths.With(paths.Notifications, "q", strings.ToUpper(later))).Wants(http.StatusOK), "notification-row"); len(found) != 1 || found[0] != other.ID.String() {
		t.Errorf("search finds %v", found)
	}
}
