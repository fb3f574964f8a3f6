// Package deliveries draws the parts of a page that are about one request as it came:
// its body, its headers, how it was judged, the raw record. The pages of notifications
// and of rejected deliveries are made of them. It decides nothing and knows no store.
package deliveries
