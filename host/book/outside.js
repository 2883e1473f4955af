// mdBook takes each `.md` for a page of its own. Those above this folder are files of the repository.
for (const link of document.querySelectorAll('main a[href^="../"]')) {
    link.setAttribute("href", link.getAttribute("href").replace(/\.html(?=#|$)/, ".md"));
}
