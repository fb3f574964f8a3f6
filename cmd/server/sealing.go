package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/store"
)

// checkSealing says, before the program calls itself ready, what it cannot open because an encryption key is missing, and notes its own key. It serves all
// the same: what does not need that key works.
func (a *app) checkSealing(ctx context.Context) error {
	if err := a.store.NoteSealingKey(ctx); err != nil {
		return err
	}
	missing, err := a.store.MissingSealingKeys(ctx)
	if err != nil {
		return err
	}
	a.warnings = missingKeysText(missing)
	for _, n := range missing {
		a.log.Error("an encryption key is missing: sealed values cannot be opened", "key_id", n.KeyID, "sealed", n.Column, "values", n.Values, "at_least", n.AtLeast)
	}
	return nil
}

// missingKeysText words what cannot be opened, one text for each missing key.
func missingKeysText(missing []store.SealedCount) []string {
	var ids []string
	for _, n := range missing {
		if !slices.Contains(ids, n.KeyID) {
			ids = append(ids, n.KeyID)
		}
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		var parts []string
		for _, n := range missing {
			if n.KeyID == id {
				parts = append(parts, sealedText(n))
			}
		}
		texts[i] = fmt.Sprintf("Encryption key %s is missing. It has sealed %s, which cannot be opened. Put it into ENCRYPTION_KEY, behind the newest key, and restart; `server keys status` counts everything.", id, strings.Join(parts, ", "))
	}
	return texts
}

// sealedText names a number of sealed values in plain words.
func sealedText(n store.SealedCount) string {
	one, many := n.Column+" value", n.Column+" values"
	switch n.Column {
	case "organizations.sealed_secret":
		one, many = "REST secret", "REST secrets"
	case "signature_keys.sealed_key":
		one, many = "digital signature key", "digital signature keys"
	case "mle_keys.sealed_key":
		one, many = "private key of an encryption certificate", "private keys of encryption certificates"
	case "kept_forms.content":
		one, many = "kept form", "kept forms"
	case "deliveries.body":
		one, many = "body of a delivery", "bodies of deliveries"
	}
	text := fmt.Sprintf("%d %s", n.Values, many)
	if n.Values == 1 {
		text = "1 " + one
	}
	if n.AtLeast {
		return "at least " + text
	}
	return text
}
