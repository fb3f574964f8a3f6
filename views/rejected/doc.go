// Package rejected draws the quarantine: the list of rejected deliveries and the page of
// one, which says why it was rejected and what to do. It decides nothing and knows no store.
package rejected
