// Draws the dashboard's thirty bars from the JSON beside them, in the colours of the theme.
(() => {
  const box = document.querySelector("[data-usage-chart]");
  if (!box) return;
  const { labels, values } = JSON.parse(document.getElementById(box.dataset.usageChart).textContent);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // Chart.js paints on a canvas and can't read light-dark(): ask an element for the colour it got.
  const probe = document.createElement("span");
  probe.hidden = true;
  box.append(probe);
  const colour = (name) => {
    probe.className = `chart-${name}`;
    return getComputedStyle(probe).color;
  };

  let chart;
  const draw = () => {
    chart?.destroy();
    const axis = { color: colour("words"), font: { family: "Inter Variable", size: 12 } };
    chart = new Chart(box.querySelector("canvas"), {
      type: "bar",
      data: { labels, datasets: [{ data: values, backgroundColor: colour("bars"), borderRadius: 4, maxBarThickness: 22, minBarLength: 0 }] },
      options: {
        animation: calm ? false : { duration: 300 },
        maintainAspectRatio: false,
        plugins: {
          legend: { display: false },
          tooltip: { displayColors: false, callbacks: { label: (item) => `${item.parsed.y} ${item.parsed.y === 1 ? "credit" : "credits"}` } },
        },
        scales: {
          x: { grid: { display: false }, border: { display: false }, ticks: { ...axis, maxRotation: 0, autoSkipPadding: 18 } },
          y: { beginAtZero: true, suggestedMax: 4, grid: { color: colour("lines") }, border: { display: false }, ticks: { ...axis, precision: 0, maxTicksLimit: 5 } },
        },
      },
    });
  };
  draw();
  document.addEventListener("sketchmaker:theme", draw);
})();
