package main

import (
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// receiverFacts are what the console must know of the receiver.
func (a *app) receiverFacts() web.ReceiverFacts {
	return web.ReceiverFacts{TokenURL: receiver.TokenURL(a.receiverURL())}
}
