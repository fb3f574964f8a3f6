// Package organizations has the pages about Cybersource organizations: the list, one with the check of its credentials, and
// the form for its name and credentials. A secret is typed in and never shown again.
package organizations
