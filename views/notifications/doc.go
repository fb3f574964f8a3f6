// Package notifications draws the list of notifications and the page of one. It gets
// everything ready to show: it decides nothing and knows no store.
package notifications
