package cybs

import "strings"

// sortKeys puts this endpoint's keys first and forgets those beyond the bound.
func (c *climb) sortKeys() {
	for _, key := range c.in.Keys {
		switch {
		case !c.isOurs(key):
			c.others = append(c.others, key)
		default:
			c.ours = append(c.ours, key)
			if len(c.out.KnownKeyIDs) < maxListedKeys {
				c.out.KnownKeyIDs = append(c.out.KnownKeyIDs, key.ID)
			}
		}
	}
	named := func(k KnownKey) bool { return SameID(k.ID, c.sig.KeyID) }
	c.ours = bound(c.ours, maxExplainKeys, named)
	c.others = bound(c.others, maxExplainKeys-len(c.ours), named)
}

// bound keeps at most limit keys, the chosen ones before the others.
func bound(keys []KnownKey, limit int, first func(KnownKey) bool) []KnownKey {
	var list, rest []KnownKey
	for _, key := range keys {
		if first(key) {
			list = append(list, key)
		} else {
			rest = append(rest, key)
		}
	}
	list = append(list, rest...)
	return list[:min(len(list), max(limit, 0))]
}

func (c *climb) isOurs(key KnownKey) bool { return c.sameOrganization(key) && c.sameEnvironment(key) }

func (c *climb) sameOrganization(key KnownKey) bool {
	return c.in.OrganizationID == "" || key.OrganizationID == "" || strings.EqualFold(key.OrganizationID, c.in.OrganizationID)
}

func (c *climb) sameEnvironment(key KnownKey) bool {
	return c.in.Environment == "" || key.Environment == "" || key.Environment == c.in.Environment
}

func find(keys []KnownKey, id string) (KnownKey, bool) {
	for _, key := range keys {
		if SameID(key.ID, id) {
			return key, true
		}
	}
	return KnownKey{}, false
}

func facts(k KnownKey) *KeyFacts {
	return &KeyFacts{ID: k.ID, OrganizationID: k.OrganizationID, Environment: k.Environment, ExpiresAt: k.ExpiresAt, ReplacedAt: k.ReplacedAt}
}
