package sandbox

import (
	"crypto/x509"
	"slices"

	"github.com/switchboardhq/switchboard/cybs"
)

// organization is a tenant with its registered credentials.
type organization struct {
	Organization
}

func newOrganization(o Organization) *organization {
	if o.MerchantID == "" {
		o.MerchantID = o.OrganizationID
	}
	return &organization{o}
}

// names are what requests of the organization may call it.
func (o *organization) names() []string {
	if o.MerchantID == o.OrganizationID {
		return []string{o.MerchantID}
	}
	return []string{o.MerchantID, o.OrganizationID}
}

// findOrganization finds one by its organization or merchant id. The caller
// holds mu.
func (s *Sandbox) findOrganization(id string) *organization {
	if o := s.orgs[id]; o != nil {
		return o
	}
	for _, o := range s.orgs {
		if o.MerchantID == id {
			return o
		}
	}
	return nil
}

// isWithin reports whether an organization is root or below it, by the tree of
// parents. The caller holds mu.
func (s *Sandbox) isWithin(id, root string) bool {
	for range len(s.orgs) + 1 { // a circle of parents ends, too
		if id == root {
			return true
		}
		o := s.orgs[id]
		if o == nil || o.ParentID == "" {
			return false
		}
		id = o.ParentID
	}
	return false
}

// mayUse reports whether the owner of a key may act for an organization, named
// by organization or merchant id, and returns its organization id.
func (s *Sandbox) mayUse(owner, id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.findOrganization(id)
	if o == nil || !s.isWithin(o.OrganizationID, owner) {
		return "", false
	}
	return o.OrganizationID, true
}

// credentials looks requests' keys up in the state.
func (s *Sandbox) credentials() credentials {
	return credentials{
		secret: func(keyID string) (string, cybs.Secret, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for id, o := range s.orgs {
				for _, k := range o.Keys {
					if k.KeyID == keyID {
						return id, k.Secret, true
					}
				}
			}
			return "", nil, false
		},
		certificate: func(kid string) (string, *x509.Certificate, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for id, o := range s.orgs {
				for _, c := range o.Certificates {
					if kid != "" && c.Subject.SerialNumber == kid {
						return id, c, true
					}
				}
			}
			return "", nil, false
		},
		names: func(owner string) []string {
			s.mu.Lock()
			defer s.mu.Unlock()
			if o := s.orgs[owner]; o != nil {
				return o.names()
			}
			return []string{owner}
		},
		mayActFor: func(owner, merchantID string) bool {
			_, ok := s.mayUse(owner, merchantID)
			return ok
		},
	}
}

// organizationIDs lists all organizations in order. The caller holds mu.
func (s *Sandbox) organizationIDs() []string {
	ids := make([]string, 0, len(s.orgs))
	for id := range s.orgs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
