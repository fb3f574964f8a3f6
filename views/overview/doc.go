// Package overview draws the first page: what is running, what arrives, and what wants a
// look. Every tile leads to the list it counts. It decides nothing and knows no store.
package overview
