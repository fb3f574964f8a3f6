package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// plainBytes are the columns of bytes that are not sealed. Every other must be known to the rotation.
var plainBytes = []string{
	"assertion_certificates.certificate", "assertion_certificates.fingerprint", "deliveries.body_sha256", "deliveries.explain_loose", "delivery_digests.digest", "mle_keys.certificate", "mle_keys.fingerprint",
	"notification_keys.fingerprint", "notification_keys.loose", "notifications.fingerprint", "oauth_clients.secret_hash", "sealing_keys.key_id", "sealing_progress.key_id",
	"sessions.data", "sessions.id_hash", "setup_links.token_hash", "used_assertions.jti_hash",
}

func sealingKey(t *testing.T, fill byte) store.SealingKey {
	t.Helper()
	key, err := store.ParseSealingKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// openWith opens a database with these encryption keys.
func openWith(t *testing.T, url string, keys ...store.SealingKey) *store.Store {
	t.Helper()
	sealer, err := store.NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{URL: url, Sealer: sealer, MaxConns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// bytesColumns lists every column of bytes of the schema, of tables that are no partitions.
func bytesColumns(t *testing.T, s *store.Store) []string {
	t.Helper()
	rows, _ := s.Pool().Query(t.Context(), `SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
			AND a.atttypid = 'bytea'::regtype AND c.relname NOT LIKE 'river%' ORDER BY 1`)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// sealedWith lists the columns of bytes that hold a value sealed with that key, with how many.
func sealedWith(t *testing.T, s *store.Store, keyID string) map[string]int {
	t.Helper()
	found := make(map[string]int)
	for _, name := range bytesColumns(t, s) {
		table, column, _ := strings.Cut(name, ".")
		if n := count(t, s, fmt.Sprintf("SELECT count(*) FROM %s WHERE substring(%s from 1 for 9) = '\\x01'::bytea || decode($1, 'hex')", table, column), keyID); n > 0 {
			found[name] = n
		}
	}
	return found
}

// safe is one of everything that is sealed.
type safe struct {
	organization store.Organization
	user         store.User
	form         string
	certificate  []byte
	private      []byte
	deliveries   *arrivals
	kept         []*store.Delivery
}

func fillSafe(t *testing.T, s *store.Store, deliveries int) *safe {
	t.Helper()
	v := &safe{deliveries: newArrivals(t, s)}
	organization, err := s.InsertOrganization(t.Context(), store.Organization{OrganizationID: "sealed", Environment: "test", Name: "Sealed", MerchantID: "sealed", KeyID: "rest"}, []byte("rest secret"), policyAudit("organization.create"))
	if err != nil {
		t.Fatal(err)
	}
	v.organization = organization
	for _, id := range []string{"first", "second"} {
		if _, err := s.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: organization.ID, KeyID: id, Key: store.Secret("key " + id)}); err != nil {
			t.Fatal(err)
		}
	}
	v.certificate, v.private = newCertificate(t, "sealed")
	if _, err := s.InsertMLEKey(t.Context(), store.MLEKey{OrganizationID: organization.ID, Certificate: v.certificate, PrivateKey: v.private}); err != nil {
		t.Fatal(err)
	}
	v.user = addUser(t, s, "ada@example.com", store.RoleEditor)
	if v.form, err = s.KeepForm(t.Context(), v.user.ID, []byte("what was typed")); err != nil {
		t.Fatal(err)
	}
	for i := range deliveries {
		v.add(t, s, monday.Add(time.Duration(i)*time.Second))
	}
	return v
}

func (v *safe) add(t *testing.T, s *store.Store, at time.Time) {
	t.Helper()
	d := v.deliveries.at(at)
	insert(t, s, d)
	v.kept = append(v.kept, d)
}

// readAll opens everything.
func (v *safe) readAll(t *testing.T, s *store.Store) {
	t.Helper()
	if secret, err := s.OrganizationSecret(t.Context(), v.organization.ID); err != nil || string(secret) != "rest secret" {
		t.Errorf("REST secret: %q, %v", secret, err)
	}
	keys, err := s.SignatureKeys(t.Context(), v.organization.ID)
	if err != nil || len(keys) != 2 || string(keys[0].Key) != "key second" || string(keys[1].Key) != "key first" {
		t.Errorf("signature keys: %d, %v", len(keys), err)
	}
	mle, err := s.OpenMLEKeys(t.Context())
	if err != nil || len(mle) != 1 || !bytes.Equal(mle[0].PrivateKey, v.private) {
		t.Errorf("MLE keys: %d, %v", len(mle), err)
	}
	if form, err := s.GetKeptForm(t.Context(), v.form, v.user.ID); err != nil || string(form) != "what was typed" {
		t.Errorf("kept form: %q, %v", form, err)
	}
	for _, d := range v.kept {
		if body, err := s.DeliveryBody(t.Context(), d.ID); err != nil || !bytes.Equal(body, d.Body) {
			t.Fatalf("body of %s: %d bytes, %v", d.ID, len(body), err)
		}
	}
}

func TestEveryColumnOfBytesIsSealedOrKnownNotToBe(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	fillSafe(t, s, 1)
	counts, err := s.CountSealed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, n := range counts {
		known = append(known, n.Column)
	}
	want := slices.Concat(known, plainBytes)
	slices.Sort(want)
	if got := bytesColumns(t, s); !slices.Equal(got, want) {
		t.Errorf("columns of bytes are\n%v, want\n%v\nA sealed one must stand in sealedColumns and be filled by fillSafe, a plain one in plainBytes.", got, want)
	}
	for name := range sealedWith(t, s, s.SealingKeyIDs()[0]) {
		if slices.Contains(plainBytes, name) {
			t.Errorf("%s holds sealed values", name)
		}
	}
}

func TestAfterARotationTheOldKeyIsNotNeeded(t *testing.T) {
	t.Parallel()
	url := storetest.Database(t)
	older, newer := sealingKey(t, 1), sealingKey(t, 2)
	old := openWith(t, url, older)
	v := fillSafe(t, old, 450)
	oldID := old.SealingKeyIDs()[0]
	if len(sealedWith(t, old, oldID)) != 5 {
		t.Fatalf("sealed are %v", sealedWith(t, old, oldID))
	}
	both := openWith(t, url, newer, older)
	// Deliveries go on arriving, and somebody changes what is being sealed again.
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			v.add(t, both, monday.Add(time.Hour+time.Duration(i)*time.Second))
			if _, err := both.Pool().Exec(context.WithoutCancel(ctx), "UPDATE deliveries SET duplicates = duplicates + 1"); err != nil {
				t.Error(err)
			}
		}
	})
	var last store.ResealProgress
	result, err := both.Reseal(t.Context(), func(p store.ResealProgress) { last = p })
	stop()
	working.Wait()
	if err != nil || !result.Complete() || result.Resealed != 456 {
		t.Errorf("the rotation: %+v, %v; want 456 values sealed again", result, err)
	}
	if last.Column != "deliveries.body" || last.Seen < 450 || last.Resealed != 450 {
		t.Errorf("progress %+v", last)
	}
	if left := sealedWith(t, both, oldID); len(left) != 0 {
		t.Errorf("still sealed with the old key: %v", left)
	}
	v.readAll(t, openWith(t, url, newer))
	again, err := both.Reseal(t.Context(), nil)
	if err != nil || again.Resealed != 0 || !again.Complete() {
		t.Errorf("a second run: %+v, %v; want nothing to do", again, err)
	}
}

func TestAnInterruptedRotationGoesOn(t *testing.T) {
	t.Parallel()
	url := storetest.Database(t)
	older, newer := sealingKey(t, 1), sealingKey(t, 2)
	v := fillSafe(t, openWith(t, url, older), 0)
	old := openWith(t, url, older)
	for i := range 45 {
		batch := make([]*store.Delivery, 50)
		for j := range batch {
			batch[j] = v.deliveries.at(monday.Add(time.Duration(i*50+j) * time.Second))
		}
		insert(t, old, batch...)
		v.kept = append(v.kept, batch...)
	}
	both := openWith(t, url, newer, older)
	ctx, interrupt := context.WithCancel(t.Context())
	if _, err := both.Reseal(ctx, func(p store.ResealProgress) {
		if p.Column == "deliveries.body" {
			interrupt()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	var resumed bool
	result, err := both.Reseal(t.Context(), func(p store.ResealProgress) { resumed = resumed || p.Resumed })
	if err != nil || !result.Complete() || result.Resealed != 250 || !resumed {
		t.Errorf("it went on with %+v, resumed %t, %v; want the last 250", result, resumed, err)
	}
	v.readAll(t, openWith(t, url, newer))
	if n := count(t, both, "SELECT count(*) FROM sealing_progress"); n != 0 {
		t.Error("the place is still kept")
	}
}

func TestWhatIsSealedWithAMissingKeyIsCounted(t *testing.T) {
	t.Parallel()
	url := storetest.Database(t)
	older, newer := sealingKey(t, 1), sealingKey(t, 2)
	old := openWith(t, url, older)
	if err := old.NoteSealingKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	fillSafe(t, old, 3)
	oldID := old.SealingKeyIDs()[0]
	s := openWith(t, url, newer)
	missing, err := s.MissingSealingKeys(t.Context())
	if err != nil || len(missing) != 5 {
		t.Fatalf("missing are %+v, %v", missing, err)
	}
	want := map[string]int64{"organizations.sealed_secret": 2, "signature_keys.sealed_key": 2, "mle_keys.sealed_key": 1, "kept_forms.content": 1, "deliveries.body": 3}
	for _, n := range missing {
		if n.KeyID != oldID || n.Values != want[n.Column] {
			t.Errorf("missing: %+v", n)
		}
	}
	result, err := s.Reseal(t.Context(), nil)
	if err != nil || result.Complete() || result.Resealed != 0 || len(result.Unreadable) != 5 {
		t.Errorf("a rotation without the key: %+v, %v", result, err)
	}
	if len(sealedWith(t, s, oldID)) != 5 {
		t.Error("what could not be opened was changed")
	}
	keys, err := s.SignatureKeys(t.Context(), 2)
	if err != nil || len(keys) != 2 || !keys[0].Unreadable || keys[0].Key != nil {
		t.Errorf("keys that do not open: %+v, %v", keys, err)
	}
	if _, err := hex.DecodeString(oldID); err != nil || len(oldID) != 16 {
		t.Errorf("the id of a key is %q", oldID)
	}
}

func TestAKeyUsedInTheMiddleOfAPartitionIsMissed(t *testing.T) {
	t.Parallel()
	url := storetest.Database(t)
	first, second := sealingKey(t, 1), sealingKey(t, 2)
	s := openWith(t, url, first)
	v := fillSafe(t, s, 0)
	fill := func(s *store.Store, from, n int) {
		batch := make([]*store.Delivery, n)
		for i := range batch {
			batch[i] = v.deliveries.at(monday.Add(time.Duration(from+i) * time.Second))
		}
		insert(t, s, batch...)
	}
	fill(s, 0, 60)
	middle := openWith(t, url, second, first)
	fill(middle, 100, 30)
	fill(s, 200, 60)
	if _, err := s.Pool().Exec(t.Context(), "INSERT INTO sealing_keys VALUES (decode($1, 'hex'), $2, $2)", middle.SealingKeyIDs()[0], monday.Add(100*time.Second)); err != nil {
		t.Fatal(err)
	}
	missing, err := s.MissingSealingKeys(t.Context())
	if err != nil || len(missing) != 1 || missing[0].KeyID != middle.SealingKeyIDs()[0] || missing[0].Values == 0 || !missing[0].AtLeast {
		t.Errorf("missing are %+v, %v", missing, err)
	}
}
