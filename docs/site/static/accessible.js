// What the theme leaves out for screen readers and keyboards.
addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll('p[role="heading"]')) {
    caption.setAttribute("aria-level", "2");
  }
  for (const listing of document.querySelectorAll("pre, .table-wrapper")) {
    listing.tabIndex = 0; // it may scroll sideways
  }
  document.querySelector("aside.sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector("aside.toc-drawer")?.setAttribute("aria-label", "On this page");
});
