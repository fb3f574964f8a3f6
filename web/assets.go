package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/static"
)

// showFavicon is for browsers that ask without having read the page's own link to the mark.
func (s *Server) showFavicon(c echo.Context) error {
	return c.Redirect(http.StatusMovedPermanently, static.URL("mark.svg"))
}
