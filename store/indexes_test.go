package store_test

import (
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store/storetest"
)

// A filter that nearly no row passes is the expensive one: without an index of its own, the whole list is read in order.
func TestRareRowsOfLongListsAreFoundByIndex(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for _, statement := range []string{
		`INSERT INTO organizations (organization_id, environment, name, merchant_id, created_at, updated_at)
			SELECT 'org' || i, 'sandbox', 'n', 'm', now(), now() FROM generate_series(1, 2) i`,
		`INSERT INTO audit_log (at, actor, action, object_kind, object_id, outcome, organization_id)
			SELECT now() - i * interval '1 minute', 'a', 'user.sign_in', 'user', '1', 'succeeded', 1 FROM generate_series(1, 5000) i`,
		`INSERT INTO deliveries (id, received_at, endpoint_id, subscription_id, organization_id, verdict, reason, answered, answer_micros, headers, body, body_sha256, body_bytes)
			SELECT gen_random_uuid(), now(), 1, 1, 1, 'rejected', 'signature_mismatch', 401, 1, '[]', '', sha256(i::text::bytea), 0 FROM generate_series(1, 5000) i`,
		`ANALYZE audit_log, deliveries`,
	} {
		if _, err := s.Pool().Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for query, index := range map[string]string{
		"SELECT * FROM audit_log WHERE organization_id = 2":                              "audit_log_organization",
		"SELECT * FROM audit_log WHERE outcome = 'failed'":                               "audit_log_outcome",
		"SELECT * FROM audit_log WHERE at >= now() - interval '30 seconds'":              "audit_log_at",
		"SELECT * FROM deliveries WHERE verdict = 'rejected' AND subscription_id = 2":    "subscription_id_id",
		"SELECT * FROM deliveries WHERE verdict = 'rejected' AND reason = 'key_empty'":   "reason_id",
		"SELECT * FROM deliveries WHERE verdict = 'rejected' AND organization_id = 2":    "organization_id_id",
		"SELECT * FROM deliveries WHERE verdict = 'rejected' AND key_id = 'k'":           "key_id_id",
		"SELECT * FROM audit_log WHERE object_kind = 'subscription' AND object_id = '1'": "audit_log_object",
	} {
		rows, err := s.Pool().Query(t.Context(), "EXPLAIN "+query+" ORDER BY id DESC LIMIT 51")
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		if !strings.Contains(plan.String(), index) {
			t.Errorf("%s does not use index %s:\n%s", query, index, plan.String())
		}
	}
}
