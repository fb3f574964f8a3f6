// Command server is Switchboard: it reads the configuration, opens the database, wires the doors, and starts and stops everything in
// order. It is the only room of the house that reads the environment; it decides nothing about webhooks.
package main
