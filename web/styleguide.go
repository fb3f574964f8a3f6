package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/views/styleguide"
)

// showStyleguide shows every piece of views/ui, in development.
func (s *Server) showStyleguide(c echo.Context) error {
	return s.render(c, http.StatusOK, styleguide.Page(s.page(c, "Style guide", describe("Every piece of views/ui, in each of its states."))))
}
