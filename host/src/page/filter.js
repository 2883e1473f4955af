const filter = document.getElementById("filter");
const sections = document.querySelectorAll("section.one");
const rows = document.querySelectorAll("#extractors tbody tr");
filter.closest("p").hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const one of [...sections, ...rows]) {
    one.hidden = !one.dataset.name.toLowerCase().includes(wanted);
  }
});
