// Package deployments has tests that run the program as it is deployed: behind the proxies and poolers of Debian and on databases with
// settings of their own. The configurations are those that docs/deploying.md shows.
package deployments
