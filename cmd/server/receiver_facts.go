package main

import (
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// receiverFacts are what the console must know of the receiver.
func (a *app) receiverFacts() web.ReceiverFacts {
	facts := web.ReceiverFacts{TokenURL: receiver.TokenURL(a.receiverURL()), ClientCertificates: a.cfg.ReceiverTLS.ClientCA != ""}
	for _, p := range a.cfg.ReceiverAllow {
		if p.IsSingleIP() {
			facts.Sources = append(facts.Sources, p.Addr().String())
		} else {
			facts.Sources = append(facts.Sources, p.String())
		}
	}
	return facts
}
