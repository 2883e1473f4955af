const written = document.querySelector("header time");
// Its ages are as of when it was written, and a page that nobody renews says for ever that all is well.
const tell = () => {
  const minutes = Math.floor((Date.now() - Date.parse(written.dateTime)) / 60000);
  if (!(minutes >= 0)) return;
  const hours = Math.floor(minutes / 60);
  const old = minutes < 60 ? `${minutes} min` : hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
  const isStale = hours >= 2;
  const age = document.getElementById("age");
  age.textContent = minutes < 1 ? ", just now" : `, ${old} ago`;
  age.className = isStale ? "stale" : "";
  const words = document.getElementById("old");
  words.hidden = !isStale;
  words.textContent = `Take care: this page is ${old} old, and so is all that it says.`;
};
tell();
setInterval(tell, 60000);
