// Package playground draws the page that makes events happen in the sandbox, sound ones
// and broken ones. It decides nothing and knows no sandbox.
package playground
