"use strict";

// What is imported belongs to somebody, too: the library hides the organization then.
(function () {
  const operation = document.querySelector(".field-operation_type select");
  const organization = document.querySelector(".field-organization");
  if (!operation || !organization) {
    return;
  }
  function show() {
    if (operation.value === "import" && organization.style.display === "none") {
      organization.style.display = "";
    }
  }
  new MutationObserver(show).observe(organization, { attributes: true, attributeFilter: ["style"] });
  show();
})();
