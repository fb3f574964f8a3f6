package store_test

import (
	"testing"

	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
