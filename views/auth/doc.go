// Package auth has the pages by which people get in: sign-in, the one-time set-up of the first administrator, and the change
// of one's own password.
package auth
