// Package styleguide is one page with every piece of views/ui in every state, for
// those who build pages and for the browser tests. It is served in development only.
package styleguide
