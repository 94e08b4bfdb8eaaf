// Adds a reading under the pointer to the charts of the wave. The page is complete without it.
(function () {
  var verdicts = JSON.parse(document.getElementById("verdicts").textContent).verdicts;
  document.querySelectorAll(".chart").forEach(function (chart) {
    var wave = verdicts[chart.dataset.run].wave;
    var end = Number(chart.dataset.end);
    var names = Array.from(chart.parentNode.querySelectorAll("figcaption .name"), function (name) { return name.textContent; });
    var plot = chart.querySelector(".plot");
    var tip = document.createElement("div");
    var cursor = document.createElement("div");
    tip.className = "tip";
    cursor.className = "cursor";
    tip.hidden = cursor.hidden = true;
    chart.append(cursor, tip);
    chart.addEventListener("pointermove", function (event) {
      var box = plot.getBoundingClientRect();
      var left = box.left - chart.getBoundingClientRect().left;
      var share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      var at = share * end;
      var point = wave[0];
      wave.forEach(function (candidate) { if (candidate.atMs <= at) { point = candidate; } });
      var lines = names.filter(function (name) { return name in point.devices; }).map(function (name) {
        return name + "  " + point.devices[name].toLocaleString("en");
      });
      tip.textContent = [(at / 1000).toFixed(at >= 10000 ? 1 : 2) + " s"].concat(lines).join("\n");
      tip.hidden = cursor.hidden = false;
      cursor.style.left = left + share * box.width + "px";
      tip.style.top = "8px";
      tip.style.left = share > 0.6 ? "auto" : left + share * box.width + 8 + "px";
      tip.style.right = share > 0.6 ? chart.clientWidth - left - share * box.width + 8 + "px" : "auto";
    });
    chart.addEventListener("pointerleave", function () { tip.hidden = cursor.hidden = true; });
  });
})();
